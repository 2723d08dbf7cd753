package server_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server"
)

func TestLimitedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		limited := server.NewLimitedLog(log, time.Now)
		allowed := 0
		for range 1000 {
			if limited.Allow("unsigned") {
				allowed++
			}
		}
		if !limited.Allow("too_large") {
			t.Error("one kind takes the lines of another")
		}
		if allowed != server.LinesASecond {
			t.Errorf("%d lines in one second, want %d", allowed, server.LinesASecond)
		}
		time.Sleep(time.Second)
		if !limited.Allow("unsigned") {
			t.Error("a new second allows no line")
		}
		time.Sleep(2 * server.SummaryPeriod)
		synctest.Wait()
		if got := out.String(); strings.Count(got, "\n") != 1 ||
			!strings.Contains(got, `msg="left out" kind=unsigned lines=995`) {
			t.Errorf("the summary is %q", got)
		}
	})
}
