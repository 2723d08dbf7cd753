package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"numhook/spec"
)

func newSpecShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Print the document that the program was built with",
		Long: "Print the sender's document that the program was built with, as it was published. With --composed it " +
			"is the\n" +
			"repaired one that requests are validated by, with one path for each event.",
		Args: cobra.NoArgs,
	}
	composed := cmd.Flags().Bool("composed", false, "print the composed document")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		document := spec.Document()
		if *composed {
			document = spec.Receiver()
		}
		_, err := cmd.OutOrStdout().Write(document)
		return err
	}
	return cmd
}

func newSpecSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema EVENT", Short: "Print the JSON Schema of an event's body",
		Long: "Print the JSON Schema (2020-12) of an event's body, as deliveries are validated by it: one schema that " +
			"stands\n" +
			"alone. EVENT is an event name of the document, or its end.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return writeSchema(cmd.OutOrStdout(), args[0]) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return spec.Examples(), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// writeSchema prints the schema of one event, with what it refers to in $defs.
func writeSchema(w io.Writer, arg string) error {
	var document struct {
		Paths map[string]struct {
			Post struct {
				RequestBody json.RawMessage `json:"requestBody"`
			} `json:"post"`
		} `json:"paths"`
		Components struct {
			Schemas       map[string]json.RawMessage `json:"schemas"`
			RequestBodies map[string]json.RawMessage `json:"requestBodies"`
		} `json:"components"`
	}
	if err := json.Unmarshal(spec.Receiver(), &document); err != nil {
		return fmt.Errorf("cannot read the built-in document: %w", err)
	}
	var events []string
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		events = append(events, strings.TrimPrefix(path, "/"))
	}
	name, err := eventNamed(arg, events)
	if err == nil && name == "" {
		err = fmt.Errorf("there is no event %q (events: %s)", arg, strings.Join(events, ", "))
	}
	if err != nil {
		return fmt.Errorf("cannot print the schema: %w", err)
	}
	body, err := bodyOf(document.Paths["/"+name].Post.RequestBody, document.Components.RequestBodies)
	if err != nil {
		return fmt.Errorf("cannot read the built-in document: %w", err)
	}
	schema := schemaSet{schemas: document.Components.Schemas, used: map[string]any{}}
	root, err := schema.read(body)
	if err != nil {
		return fmt.Errorf("cannot read the built-in document: %w", err)
	}
	top, _ := root.(map[string]any)
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	if len(schema.used) > 0 {
		top["$defs"] = schema.used
	}
	return writeJSON(w, top)
}

// bodyOf is the schema of a request body, which may be a reference.
func bodyOf(raw json.RawMessage, shared map[string]json.RawMessage) (json.RawMessage, error) {
	var body struct {
		Ref     string `json:"$ref"`
		Content map[string]struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"content"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	if name, isRef := strings.CutPrefix(body.Ref, "#/components/requestBodies/"); isRef {
		return bodyOf(shared[name], nil)
	}
	return body.Content["application/json"].Schema, nil
}

// schemaSet collects the shared schemas that a schema refers to.
type schemaSet struct {
	schemas map[string]json.RawMessage
	used    map[string]any
}

func (s *schemaSet) read(raw json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // bounds stay what they are
	var schema any
	if err := decoder.Decode(&schema); err != nil {
		return nil, err
	}
	return schema, s.localise(schema)
}

// localise turns references to shared schemas into references to $defs.
func (s *schemaSet) localise(v any) error {
	switch v := v.(type) {
	case map[string]any:
		if ref, isText := v["$ref"].(string); isText {
			if name, shared := strings.CutPrefix(ref, "#/components/schemas/"); shared {
				v["$ref"] = "#/$defs/" + name
				if err := s.use(name); err != nil {
					return err
				}
			}
		}
		for _, member := range v {
			if err := s.localise(member); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := s.localise(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *schemaSet) use(name string) error {
	if _, known := s.used[name]; known {
		return nil
	}
	s.used[name] = nil // it may refer to itself
	schema, err := s.read(s.schemas[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)])
	s.used[name] = schema
	return err
}
