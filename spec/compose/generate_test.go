package compose_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"numhook/spec"

	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/util"
	"gopkg.in/yaml.v3"
)

// generate gives the code that the receiver's own configuration makes of a composed document.
func generate(t *testing.T, document []byte) []byte {
	t.Helper()
	text, err := os.ReadFile("../../gen/receiver/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config codegen.Configuration
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "receiver.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	doc, err := util.LoadSwagger(file)
	if err != nil {
		t.Fatal(err)
	}
	code, err := codegen.Generate(doc, config.UpdateDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return []byte(code)
}

// build compiles packages of this module that exist only for the compiler: their files lie elsewhere, and an overlay of
// the go command puts them here. It gives what the compiler said.
func build(t *testing.T, packages map[string]map[string][]byte) (string, error) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	arguments := []string{"build", "-overlay", ""}
	for name, files := range packages {
		for file, code := range files {
			lies := filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(lies, code, 0o600); err != nil {
				t.Fatal(err)
			}
			replace[filepath.Join(here, "generated", name, file)] = lies
		}
		arguments = append(arguments, "./generated/"+name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	arguments[2] = filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(arguments[2], overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command("go", arguments...).CombinedOutput()
	return string(output), err
}

// methods lists the methods of the strict interface of generated code.
func methods(t *testing.T, code []byte) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "receiver.gen.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "StrictServerInterface" {
			return true
		}
		for _, method := range spec.Type.(*ast.InterfaceType).Methods.List {
			found = append(found, method.Names[0].Name)
		}
		return false
	})
	return found
}

// anonymous lists the fields of generated code whose type is a struct without a name.
func anonymous(t *testing.T, code []byte) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "receiver.gen.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		ast.Inspect(field.Type, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructType); ok && len(field.Names) > 0 && len(s.Fields.List) > 0 {
				found = append(found, field.Names[0].Name)
			}
			return true
		})
		return true
	})
	return found
}

func TestEveryDocumentGeneratesCodeThatCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the generator and the compiler")
	}
	packages := map[string]map[string][]byte{}
	for name, document := range corpus(t) {
		code := generate(t, composed(t, document))
		if fields := anonymous(t, code); fields != nil {
			t.Errorf("%s: the fields %v are structs without a name", name, fields)
		}
		hooks := at(t, decode(t, document), "webhooks").(map[string]any)
		if got := methods(t, code); len(got) != len(hooks) {
			t.Errorf("%s: the strict interface has the methods %v for the events %v", name, got, slices.Sorted(maps.Keys(hooks)))
		}
		packages[name] = map[string][]byte{"receiver.gen.go": code}
	}
	if output, err := build(t, packages); err != nil {
		t.Errorf("generated code does not compile: %v\n%s", err, output)
	}
}

func TestGeneratedCodeIsNotStale(t *testing.T) {
	committed, err := os.ReadFile("../../gen/receiver/receiver.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	// what stands above the package clause names the generator's version, which a test binary does not know
	body := func(code []byte) string {
		_, below, _ := bytes.Cut(code, []byte("\npackage receiver\n"))
		return string(below)
	}
	if got := generate(t, spec.Receiver()); body(got) == "" || body(got) != body(committed) {
		t.Error("gen/receiver is not what spec/receiver.json gives: run go generate ./...")
	}
}

// A server with the vendored document's two events, as somebody would have written it before the third came.
const server = `package ported

import "context"

type server struct{}

func (server) PeeringNumberCnamUpdated(
	context.Context, PeeringNumberCnamUpdatedRequestObject,
) (PeeringNumberCnamUpdatedResponseObject, error) {
	return PeeringNumberCnamUpdated200JSONResponse{}, nil
}

func (server) PeeringNumberEmergencyAddressUpdated(
	_ context.Context, request PeeringNumberEmergencyAddressUpdatedRequestObject,
) (PeeringNumberEmergencyAddressUpdatedResponseObject, error) {
	var _ *EmergencyAddress = request.Body.Payload.Object.EmergencyAddress
	var _ []string = request.Body.Payload.Object.PhoneNumbers
	return PeeringNumberEmergencyAddressUpdated200JSONResponse(*request.Body), nil
}

var _ StrictServerInterface = server{}
`

const third = `package ported

import "context"

func (server) PeeringNumberPorted(
	context.Context, PeeringNumberPortedRequestObject,
) (PeeringNumberPortedResponseObject, error) {
	return PeeringNumberPorted200JSONResponse{}, nil
}
`

func TestThirdWebhookIsAMethodThatTheCompilerMisses(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the generator and the compiler")
	}
	document := decode(t, spec.Document())
	hooks := document["webhooks"].(map[string]any)
	ported := decode(t, mustJSON(t, hooks["number_management.peering_number_emergency_address_updated"]))
	members := at(t, ported, "post", "requestBody", "content", "application/json", "schema",
		"properties", "payload", "properties", "object", "properties").(map[string]any)
	members["losing_carrier"] = decode(t, []byte(`{"type":"object","properties":{"name":{"type":"string"}}}`))
	hooks["number_management.peering_number_ported"] = ported

	result := composed(t, mustJSON(t, document))
	paths := slices.Sorted(maps.Keys(at(t, decode(t, result), "paths").(map[string]any)))
	if want := []string{"/number_management.peering_number_cnam_updated",
		"/number_management.peering_number_emergency_address_updated",
		"/number_management.peering_number_ported"}; !slices.Equal(paths, want) {
		t.Errorf("paths are %v, want %v", paths, want)
	}
	code := bytes.Replace(generate(t, result), []byte("package receiver"), []byte("package ported"), 1)
	want := []string{"PeeringNumberCnamUpdated", "PeeringNumberEmergencyAddressUpdated", "PeeringNumberPorted"}
	if got := methods(t, code); !slices.Equal(got, want) {
		t.Errorf("the strict interface has the methods %v, want %v", got, want)
	}

	output, err := build(t, map[string]map[string][]byte{"ported": {"receiver.gen.go": code, "server.go": []byte(server)}})
	if err == nil || !strings.Contains(output, "server does not implement StrictServerInterface (missing method "+
		"PeeringNumberPorted)") {
		t.Errorf("the compiler does not miss the third method: %v\n%s", err, output)
	}
	files := map[string][]byte{"receiver.gen.go": code, "server.go": []byte(server), "third.go": []byte(third)}
	output, err = build(t, map[string]map[string][]byte{"ported": files})
	if err != nil {
		t.Errorf("with the third method the server still does not compile: %v\n%s", err, output)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestFormatsBindAsPlainValues(t *testing.T) {
	code := string(generate(t, composed(t, corpus(t)["odd"]))) + string(generate(t, composed(t, corpus(t)["deep"])))
	for _, want := range []string{"Uuid *string ", "Bytes *string ", "When *string ", "Email *string ", "Ratio *float64 ",
		"Exclusive *int64 "} {
		if !strings.Contains(strings.Join(strings.Fields(code), " "), want) {
			t.Errorf("the generated code has no field %s", want)
		}
	}
}
