package server_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"numhook/server/event"
)

// Whatever a proxy puts in front of the path, or a slash too many, costs neither an event nor the subscription.
func TestAPathCostsNoEvent(t *testing.T) {
	everyPath := []string{
		"/", "//", "///", "/zoom/webhook", "/hooks/", "/a/b/c", "/.", "/..", "/%2e%2e/", "/nobody.knows", "/%00%ff",
		"/" + cnamEvent, "/" + cnamEvent + "/", "//" + cnamEvent + "//", "/prefix/" + cnamEvent, "/a/b/" + cnamEvent + "//",
		"/prefix%2F" + cnamEvent, "/" + strings.ReplaceAll(cnamEvent, "_", "%5F"), "/" + strings.ToUpper(cnamEvent),
		"/" + addressEvent + "/..", "/" + addressEvent + "/v1", "/" + cnamEvent + "?a=/" + addressEvent, "/:event/*",
		"/" + strings.Repeat("a/", 5000),
	}
	token := `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1654503849680,` +
		`"event":"endpoint.url_validation"}`
	for _, path := range everyPath {
		t.Run(path[:min(len(path), 60)], func(t *testing.T) {
			r := newReceiver(t)
			if got := r.post(path, token); got.status != http.StatusOK || !strings.Contains(got.body, "encryptedToken") {
				t.Errorf("the challenge: %d %s", got.status, got.body)
			}
			if got := r.post(path, cnam("1", "X", "+13125550100")); got.status != http.StatusOK {
				t.Errorf("the event: %d %s", got.status, got.body)
			}
			if events := r.events(); len(events) != 1 || events[0].Name != cnamEvent {
				t.Errorf("stored %+v", events)
			}
			eventually(t, "the log has both lines", func() bool { return strings.Count(r.logs.String(), `"answer":200`) == 2 })
			for line := range strings.Lines(r.logs.String()) {
				_, path, _ := strings.Cut(line, `"door":"`)
				path, _, _ = strings.Cut(path, `"`)
				if path != "/" && path != "/"+cnamEvent && path != "other" {
					t.Errorf("the path is not of the closed list: %s", line)
				}
			}
		})
	}
}

// The last segment says what a body is held against, as "/<event>" does.
func TestAnEventsPathHoldsItsBody(t *testing.T) {
	for _, path := range []string{
		"/" + addressEvent, "/" + addressEvent + "/", "/prefix/" + addressEvent, "//a//" + addressEvent + "//",
		"/a%2F" + addressEvent,
	} {
		r := newReceiver(t)
		if got := r.post(path, cnam("1", "X", "+13125550100")); got.status != 400 || !hasPointer(got.problem(t).Violations,
			"/event") {
			t.Errorf("%s: another event of the contract: %d %s", path, got.status, got.body)
		}
		nameless := strings.Replace(address("1", "X", "+13125550100"), addressEvent, "", 1)
		if got := r.post(path, nameless); got.status != http.StatusOK {
			t.Errorf("%s: a body that names none: %d %s", path, got.status, got.body)
		}
		if events := r.events(); len(events) != 1 || events[0].Name != addressEvent {
			t.Errorf("%s: stored %+v", path, events)
		}
	}
}

// What an earlier version refused because of its path is taken by a redrive.
func TestRedriveTakesWhatAPathHadCost(t *testing.T) {
	r := newReceiver(t)
	for i, path := range []string{"/zoom/webhook", "//", "/hooks/", "/" + cnamEvent + "/", "/prefix/" + cnamEvent, "/"} {
		id, err := r.store.Quarantine(t.Context(), event.Quarantined{
			Reason: event.UnknownEvent, EventName: strings.TrimPrefix(path, "/"),
			Delivery: event.Delivery{Received: r.now, Path: path, Body: []byte(cnam("1"+strconv.Itoa(i), "X", "+13125550100"))},
		})
		if err != nil {
			t.Fatal(err)
		}
		entry, err := r.store.QuarantineEntry(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.server.WouldAccept(entry); err != nil {
			t.Errorf("%s: WouldAccept: %v", path, err)
		}
		if receipt, err := r.server.Redrive(t.Context(), entry); err != nil || receipt.Duplicate {
			t.Errorf("%s: Redrive: %+v, %v", path, receipt, err)
		}
	}
	if events := r.events(); len(events) != 6 {
		t.Errorf("%d events, want 6", len(events))
	}
}
