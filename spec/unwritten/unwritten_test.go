package unwritten_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"numhook/spec"
	"numhook/spec/compose"
	"numhook/spec/unwritten"

	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/util"
	"gopkg.in/yaml.v3"
)

const committed = "../../gen/receiver/receiver.gen.go"

// grown is the vendored document with eight new events of several shapes; one member of an event that was there became
// required, and another one text.
func grown(t *testing.T) []byte {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(spec.Document(), &document); err != nil {
		t.Fatal(err)
	}
	hooks := document["webhooks"].(map[string]any)
	text, err := json.Marshal(hooks["number_management.peering_number_cnam_updated"])
	if err != nil {
		t.Fatal(err)
	}
	for i, edit := range [][2]string{
		{},
		{`"event_ts":{`, `"event_time":{`},
		{`"carrier_code":{`, `"carrier":{`},
		{`"cnam":{`, `"ported_to":{`},
		{`"format":"int32"`, `"format":"int64"`},
		{`["event","event_ts","payload"]`, `["event"]`},
		{`"account_id":{"`, `"account_id":{"nullable":true,"`},
		{`["carrier_code","phone_numbers"]`, `["carrier_code","phone_numbers","cnam"]`},
	} {
		hook := string(text)
		if edit[0] != "" {
			hook = strings.ReplaceAll(hook, edit[0], edit[1])
		}
		hooks[fmt.Sprintf("number_management.new_%c", 'a'+i)] = json.RawMessage(hook)
	}
	changed := strings.ReplaceAll(string(text), `["carrier_code","phone_numbers"]`,
		`["carrier_code","phone_numbers","cnam"]`)
	if changed == string(text) {
		t.Fatal("nothing became required")
	}
	hooks["number_management.peering_number_cnam_updated"] = json.RawMessage(changed)
	whole, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// generate writes the code of a document as the receiver's own configuration has it.
func generate(t *testing.T, document []byte) []byte {
	t.Helper()
	composed, err := compose.Compose(document, spec.Overlay())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "receiver.json")
	if err := os.WriteFile(file, composed.JSON, 0o600); err != nil {
		t.Fatal(err)
	}
	var config codegen.Configuration
	if err := yaml.Unmarshal(read(t, "../../gen/receiver/config.yaml"), &config); err != nil {
		t.Fatal(err)
	}
	loaded, err := util.LoadSwagger(file)
	if err != nil {
		t.Fatal(err)
	}
	code, err := codegen.Generate(loaded, config.UpdateDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return []byte(code)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestListingIsComplete: eight new events and a member that became required are listed before the compiler is asked,
// and with what is listed the server compiles.
func TestListingIsComplete(t *testing.T) {
	code := generate(t, grown(t))
	listing, err := unwritten.List(read(t, committed), code, "../../server")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	var skeletons strings.Builder
	for _, m := range listing.Missing {
		missing = append(missing, m.Event+" "+m.Method)
		skeletons.WriteString("\n" + m.Skeleton)
	}
	var want []string
	for i := range 8 {
		want = append(want, fmt.Sprintf("number_management.new_%c New%c", 'a'+i, 'A'+i))
	}
	if !slices.Equal(missing, want) {
		t.Errorf("missing are %q, want %q", missing, want)
	}
	if len(listing.Changed) != 1 || len(listing.Gone) != 0 {
		t.Fatalf("changed %+v, gone %+v", listing.Changed, listing.Gone)
	}
	const sentence = "request.Body.Payload.Object.Cnam is string now; it was *string"
	if c := listing.Changed[0]; c.Method != "PeeringNumberCnamUpdated" || !strings.Contains(c.Place, "receive.go:") ||
		!slices.Equal(c.Members, []string{sentence}) || c.Signature[0] != "" {
		t.Errorf("changed is %+v", c)
	}
	var written strings.Builder
	if err := listing.Write(&written); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"8 of 10 events have no method yet.", skeletons.String(), sentence,
		"what PeeringNumberCnamUpdated is given has changed (number_management.peering_number_cnam_updated)"} {
		if !strings.Contains(written.String(), part) {
			t.Errorf("the listing lacks %q:\n%s", part, written.String())
		}
	}
	if testing.Short() {
		return
	}
	receive := string(read(t, "../../server/receive.go"))
	pasted := strings.Replace(receive, "present:     payload.Object.Cnam != nil", "present:     true", 1) +
		skeletons.String()
	if output, err := build(t, map[string]string{"gen/receiver/receiver.gen.go": string(code),
		"server/receive.go": pasted}); err != nil {
		t.Errorf("with what is listed the server does not compile: %v\n%s", err, output)
	}
	if output, err := build(t, map[string]string{"gen/receiver/receiver.gen.go": string(code)}); err == nil ||
		!strings.Contains(output, "Cnam") {
		t.Errorf("without it the server compiles: %v\n%s", err, output)
	}
}

// build compiles the server with other text in some of the module's files.
func build(t *testing.T, files map[string]string) (string, error) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for name, text := range files {
		lies := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.WriteFile(lies, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, name)] = lies
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command("go", "build", "-overlay", file, "../../server").CombinedOutput()
	return string(output), err
}

// TestNothingIsLeft: the committed code has its methods.
func TestNothingIsLeft(t *testing.T) {
	code := read(t, committed)
	for _, before := range [][]byte{code, nil} {
		listing, err := unwritten.List(before, code, "../../server")
		if err != nil {
			t.Fatal(err)
		}
		var written strings.Builder
		if err := listing.Write(&written); err != nil {
			t.Fatal(err)
		}
		const want = "2 events, and a method for each of them; no type that a method reads has changed\n"
		if written.String() != want {
			t.Errorf("the listing is %q, want %q", written.String(), want)
		}
	}
}

// TestEventIsGone: its methods are named, with their places.
func TestEventIsGone(t *testing.T) {
	var document map[string]any
	if err := json.Unmarshal(spec.Document(), &document); err != nil {
		t.Fatal(err)
	}
	delete(document["webhooks"].(map[string]any), "number_management.peering_number_cnam_updated")
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	listing, err := unwritten.List(read(t, committed), generate(t, text), "../../server")
	if err != nil {
		t.Fatal(err)
	}
	if len(listing.Gone) != 2 || len(listing.Missing)+len(listing.Changed) != 0 ||
		listing.Gone[0].Method != "Server.PeeringNumberCnamUpdated" ||
		listing.Gone[1].Method != "reading.VisitPeeringNumberCnamUpdatedResponse" ||
		!strings.Contains(listing.Gone[0].Place, "receive.go:") {
		t.Errorf("the listing is %+v", listing)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	for name, code := range map[string]string{
		"no Go": "package", "no interface": "package p\ntype StrictServerInterface struct{}", "none": "package p",
	} {
		if _, err := unwritten.List(nil, []byte(code), "../../server"); err == nil ||
			!strings.HasPrefix(err.Error(), "cannot read the generated code: ") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
