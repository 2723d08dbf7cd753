package validation_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"numhook/cmd/numhook/validation"
)

type jsonReport struct {
	Version    int
	Document   string
	Findings   []validation.Finding
	Unreadable []struct{ File, Error string }
	Summary    validation.Summary
	Valid      bool
}

func readJSON(t *testing.T, raw []byte) jsonReport {
	t.Helper()
	var report jsonReport
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil {
		t.Fatalf("the report is not JSON: %v\n%s", err, raw)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("the report is more than one JSON value: %v", err)
	}
	return report
}

// sarifLog is what is read of SARIF here.
type sarifLog struct {
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct{ Rules []struct{ ID string } }
		}
		ColumnKind  string
		Invocations []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct {
				Level   string
				Message struct{ Text string }
			}
			RuleConfigurationOverrides []struct {
				Descriptor    struct{ ID string }
				Configuration struct {
					Enabled bool
					Level   string
				}
			}
		}
		Results []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
					Region           struct{ StartLine, StartColumn int }
				}
			}
			PartialFingerprints map[string]string
			OccurrenceCount     int
			BaselineState       string
			Suppressions        []struct{ Kind string }
		}
		Properties struct {
			LeftOut struct{ Errors, Warnings, Known int }
		}
	}
}

// readSARIF holds the report against the official schema of SARIF 2.1.0 (testdata has OASIS's own file) and reads it.
func readSARIF(t *testing.T, report string) (log sarifLog) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(packageFolder, "testdata", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	definition, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", definition); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(report))
	if err != nil {
		t.Fatalf("not JSON: %v\n%s", err, report)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("not SARIF 2.1.0: %v", err)
	}
	if err := json.Unmarshal([]byte(report), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

// junitSuites is what is read of JUnit XML here.
type junitSuites struct {
	junitCounts
	Suites []struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []struct {
			Class   string `xml:"classname,attr"`
			Name    string `xml:"name,attr"`
			Failure *struct {
				Type    string `xml:"type,attr"`
				Message string `xml:"message,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Error *struct {
				Message string `xml:"message,attr"`
			} `xml:"error"`
			Out *string `xml:"system-out"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
}

// readJUnit reads the report and counts again what it counts.
func readJUnit(t *testing.T, report string) (suites junitSuites) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(report))
	if err := decoder.Decode(&suites); err != nil {
		t.Fatalf("not XML: %v\n%s", err, report)
	}
	if token, err := decoder.Token(); err == nil {
		if text, ok := token.(xml.CharData); !ok || strings.TrimSpace(string(text)) != "" {
			t.Fatalf("something follows: %v", token)
		}
	}
	var all junitCounts
	for _, s := range suites.Suites {
		var one junitCounts
		for _, c := range s.Cases {
			one.Tests++
			if c.Failure != nil {
				one.Failures++
			}
			if c.Error != nil {
				one.Errors++
			}
		}
		if one != s.junitCounts {
			t.Errorf("%s: it says %+v and has %+v", s.Name, s.junitCounts, one)
		}
		all.Tests += one.Tests
		all.Failures += one.Failures
		all.Errors += one.Errors
	}
	if all != suites.junitCounts {
		t.Errorf("it says %+v and has %+v", suites.junitCounts, all)
	}
	return suites
}
