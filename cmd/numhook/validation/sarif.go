package validation

import (
	"numhook/server/contract"
	"numhook/server/event"
)

// sarifReport is SARIF 2.1.0, which code scanning services take in: one run, whose results are written as they are
// found.
type sarifReport struct {
	*writer
	style      Style
	rules      map[string]int
	results    int
	unreadable []sarifNotification
}

// sourceRoot is the customary name of the folder that relative URIs start from.
const sourceRoot = "%SRCROOT%"

// fingerprintName names the algorithm of partial fingerprints. A change of what goes into them needs a new name.
const fingerprintName = "numhookFinding/v1"

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
		Payload int    `json:"payload,omitempty"`
		Event   string `json:"event,omitempty"`
		Spec    string `json:"spec,omitempty"`
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		Index        int                `json:"ruleIndex"`
		Level        Level              `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		State        string             `json:"baselineState,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   sarifDetails       `json:"properties"`
	}
	sarifNotification struct {
		Level     Level           `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
)

func newSARIFReport(w *writer, style Style) *sarifReport {
	r := &sarifReport{writer: w, style: style, rules: map[string]int{}, unreadable: []sarifNotification{}}
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
		Fingerprints: map[string]string{fingerprintName: f.Fingerprint}, Properties: sarifDetails{f.Payload, f.Event, f.Spec},
	}
	switch {
	case f.Known:
		result.State = "unchanged"
		result.Suppressions = []sarifSuppression{{"external", "known from the baseline"}}
	case r.style.Known:
		result.State = "new"
	}
	r.printf("%s%s", separator(r.results), encode(result))
	r.results++
}

func (r *sarifReport) Unreadable(file string, err error) {
	r.unreadable = append(r.unreadable, sarifNotification{Error, sarifText{"cannot read: " + err.Error()},
		[]sarifLocation{{Physical: sarifPhysical{Artifact: r.artifact(file)}}}})
}

func (r *sarifReport) File(string, int) {}

func (r *sarifReport) End(s Summary) error {
	r.printf("],\n\"invocations\":[{\"executionSuccessful\":%t,\"toolExecutionNotifications\":%s}],\n"+
		"\"properties\":%s}]}\n",
		s.Unreadable == 0, encode(r.unreadable), encode(struct {
			Document string  `json:"document"`
			Summary  Summary `json:"summary"`
		}{r.style.Document, s}))
	return r.Flush()
}
