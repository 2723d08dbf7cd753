package kafka

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A sender whose password is no longer taken shows the renewed one at the next connection, without being made again.
func TestRenewedCredentialsAreShownAtTheNextConnection(t *testing.T) {
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		allowed := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral,
			Operation: kmsg.ACLOperationWrite, Allow: true}
		c := brokers(t, kfake.SeedTopics(1, topic), kfake.EnableSASL(), kfake.User(strings.ToUpper(mechanism), "numhook",
			"renewed", allowed))
		var password atomic.Pointer[string]
		set := func(text string) { password.Store(&text) }
		set("old")
		url := strings.Replace(urlOf(c), "kafka://", "kafka://numhook:old@", 1) + "?sasl=" + mechanism
		s := sender(t, Config{URL: url, Credentials: func() (string, string) { return "numhook", *password.Load() }})
		if got := s.Send(within(t, time.Second), envelope("a", "+1")); got == confirmed {
			t.Errorf("%s: the old password is taken", mechanism)
		}
		set("renewed")
		if got := s.Send(within(t, time.Minute), envelope("b", "+1")); got != confirmed {
			t.Errorf("%s: with the renewed password: %+v", mechanism, got)
		}
	}
}
