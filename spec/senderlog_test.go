package spec_test

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// The document of the sender's log is whole, and has the two calls that are made.
func TestSendersLogIsWhole(t *testing.T) {
	text, err := os.ReadFile("sender-log.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	token, log := doc.Paths.Value("/oauth/token"), doc.Paths.Value("/v2/marketplace/apps/{appId}/webhook_logs")
	if doc.OpenAPI != "3.1.0" || doc.Paths.Len() != 2 || token.Post == nil || log.Get == nil {
		t.Errorf("version %s, paths %v", doc.OpenAPI, doc.Paths.InMatchingOrder())
	}
}
