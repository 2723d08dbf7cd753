package validation

import (
	"bufio"
	"errors"
	"fmt"

	"numhook/server/contract"
	"numhook/server/event"
)

// sarifReport is SARIF 2.1.0, which code scanning services take in: one run, whose results are errors first, then
// warnings, then what a baseline knows. Services take so many of them and no more, so there is a bound. The results
// wait in spools.
type sarifReport struct {
	*writer
	style   Style
	rules   map[string]int
	results [sarifRanks]struct {
		spool
		found int // written or not
	}
	notifications []sarifNotification
	unreadable    bool
}

// How results are ranked.
const (
	sarifErrors = iota
	sarifWarnings
	sarifKnown
	sarifRanks
)

// MaxResults is how many results a SARIF report has at most unless another bound is given: services such as GitHub show
// no more than 5,000.
const MaxResults = 4999

// sourceRoot is the customary name of the folder that relative URIs start from.
const sourceRoot = "%SRCROOT%"

// fingerprintName names the algorithm of partial fingerprints. A change of what goes into them needs a new name.
const fingerprintName = "numhookFinding/v1"

// groupFingerprintName is the same for groups.
const groupFingerprintName = "numhookGroup/v1"

type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID            string             `json:"id"`
		Description   sarifText          `json:"shortDescription"`
		Configuration sarifConfiguration `json:"defaultConfiguration"`
		Properties    sarifRuleKind      `json:"properties"`
	}
	sarifConfiguration struct {
		Level Level `json:"level"`
	}
	sarifRuleKind struct {
		Kind event.FindingKind `json:"kind"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifDetails struct {
		Payload  int    `json:"payload,omitempty"`
		Event    string `json:"event,omitempty"`
		Spec     string `json:"spec,omitempty"`
		Payloads int    `json:"payloads,omitempty"` // of a group
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		Index        int                `json:"ruleIndex"`
		Level        Level              `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Count        int                `json:"occurrenceCount,omitempty"`
		State        string             `json:"baselineState,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   sarifDetails       `json:"properties"`
	}
	sarifNotification struct {
		Level     Level           `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifOverride struct {
		Descriptor    sarifDescriptor `json:"descriptor"`
		Configuration sarifEnabled    `json:"configuration"`
	}
	sarifDescriptor struct {
		ID    string `json:"id"`
		Index int    `json:"index"`
	}
	sarifEnabled struct {
		Enabled bool  `json:"enabled"`
		Level   Level `json:"level,omitempty"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
		Overrides     []sarifOverride     `json:"ruleConfigurationOverrides,omitempty"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
)

func newSARIFReport(w *writer, style Style) *sarifReport {
	r := &sarifReport{writer: w, style: style, rules: map[string]int{}, notifications: []sarifNotification{}}
	driver := sarifDriver{Name: "numhook", Version: style.Version}
	for i, rule := range Rules() {
		r.rules[rule.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{rule.ID, sarifText{rule.Text}, sarifConfiguration{levelOf(rule)},
			sarifRuleKind{rule.Kind}})
	}
	r.printf(`{"$schema":"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",`+
		`"version":"2.1.0","runs":[{`+
		`"tool":{"driver":%s},"columnKind":"utf16CodeUnits","newlineSequences":["\r\n","\n","\r"],`+
		`"originalUriBaseIds":{"%s":{"description":{"text":"the folder that the validation ran for"}}},`+"\n"+`"results":[`,
		encode(driver), sourceRoot)
	return r
}

// levelOf is the level of a rule's findings without --strict.
func levelOf(rule contract.Rule) Level {
	if rule.Kind == event.Violation {
		return Error
	}
	return Warning
}

func (r *sarifReport) artifact(file string) sarifArtifact {
	uri, relative := uriOf(below(r.style.Root, file))
	if !relative {
		return sarifArtifact{URI: uri}
	}
	return sarifArtifact{URI: uri, Base: sourceRoot}
}

func (r *sarifReport) Finding(f *Finding, _ excerpt) {
	location := sarifLocation{Physical: sarifPhysical{r.artifact(f.File), &sarifRegion{f.Line, f.Column}}}
	if f.Payload > 0 {
		location.Logical = []sarifLogical{{f.Pointer, "value"}}
	}
	result := sarifResult{
		Rule: f.Rule, Index: r.rules[f.Rule], Level: f.Level, Message: sarifText{f.Message},
		Locations:    []sarifLocation{location},
		Fingerprints: map[string]string{fingerprintName: f.Fingerprint}, Count: f.Count,
		Properties: sarifDetails{f.Payload, f.Event, f.Spec, f.Payloads},
	}
	if f.Count > 0 {
		result.Fingerprints = map[string]string{groupFingerprintName: f.Fingerprint}
	}
	rank := sarifErrors
	if f.Level == Warning {
		rank = sarifWarnings
	}
	switch {
	case f.Known:
		rank = sarifKnown
		result.State = "unchanged"
		result.Suppressions = []sarifSuppression{{"external", "known from the baseline"}}
	case r.style.Known:
		result.State = "new"
	}
	into := &r.results[rank]
	if into.found++; r.style.MaxResults == 0 || into.found <= r.style.MaxResults {
		into.write(string(encode(result)) + "\n")
	}
}

func (r *sarifReport) Unreadable(file string, err error) {
	r.unreadable = true
	r.notifications = append(r.notifications, sarifNotification{Error, sarifText{"cannot read: " + err.Error()},
		[]sarifLocation{{Physical: sarifPhysical{Artifact: r.artifact(file)}}}})
}

func (r *sarifReport) File(string, int) {}

func (r *sarifReport) Flush() error { return nil } // nothing can be said before the end

func (r *sarifReport) End(s Summary) (err error) {
	defer func() {
		for rank := range r.results {
			err = errors.Join(err, r.results[rank].close())
		}
	}()
	left := sarifLeftOut{}
	written := 0
	for rank := range r.results {
		n := r.results[rank].found
		if most := r.style.MaxResults; most > 0 {
			n = min(n, most-written)
		}
		if err := r.write(&r.results[rank].spool, written, n); err != nil {
			return err
		}
		written += n
		*[...]*int{&left.Errors, &left.Warnings, &left.Known}[rank] = r.results[rank].found - n
	}
	r.tellLeftOut(left, written)
	r.printf("],\n\"invocations\":[%s],\n\"properties\":%s}]}\n",
		encode(sarifInvocation{!r.unreadable, r.notifications, r.overrides()}),
		encode(struct {
			Document string       `json:"document"`
			Summary  Summary      `json:"summary"`
			LeftOut  sarifLeftOut `json:"leftOut"`
		}{r.style.Document, s, left}))
	return r.writer.Flush()
}

// write writes the first n results of a spool behind those that are written already.
func (r *sarifReport) write(from *spool, already, n int) error {
	text, err := from.read()
	if err != nil {
		return err
	}
	lines := bufio.NewReader(text)
	for i := range n {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("cannot write the report: %w", err)
		}
		r.printf("%s%s", separator(already+i), line[:len(line)-1])
	}
	return nil
}

// sarifLeftOut is how many results there were no room for.
type sarifLeftOut struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Known    int `json:"known"`
}

func (r *sarifReport) tellLeftOut(left sarifLeftOut, written int) {
	sum := left.Errors + left.Warnings + left.Known
	if sum == 0 {
		return
	}
	text := fmt.Sprintf("the SARIF report has %s of %s results, errors first: %s, %s and %s are left out; --group puts "+
		"equal ones together, and --max-results sets the bound", thousands(written), thousands(written+sum),
		amount(left.Errors, "error"), amount(left.Warnings, "warning"), amount(left.Known, "known finding"))
	r.notifications = append(r.notifications, sarifNotification{Level: Warning, Message: sarifText{text}})
	if r.style.Tell != nil {
		r.style.Tell(text)
	}
}

// overrides are the rules whose levels were changed.
func (r *sarifReport) overrides() (list []sarifOverride) {
	for _, rule := range Rules() {
		level, changed := r.style.Levels[rule.ID]
		if !changed {
			continue
		}
		one := sarifOverride{sarifDescriptor{rule.ID, r.rules[rule.ID]}, sarifEnabled{level != Off, level}}
		if level == Off {
			one.Configuration.Level = ""
		}
		list = append(list, one)
	}
	return list
}
