package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserTime bounds one step in the browser, on a busy machine.
const browserTime = 2 * time.Minute

// axeFile is where "make needs" installs what finds barriers in a page.
const axeFile = root + "/.bin/axe/node_modules/axe-core/axe.min.js"

// chromium is the browser's path, and the text of axe. Without them the test is skipped, but not where everything is to
// be there.
func chromium(t *testing.T) (path, axe string) {
	t.Helper()
	path, missing := exec.LookPath("chromium")
	text, err := os.ReadFile(axeFile)
	if missing == nil && err == nil {
		return path, string(text)
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is no chromium, or no axe-core in .bin/axe: run 'make needs'")
	}
	t.Skip("NOT LOOKED AT BY A BROWSER: there is no chromium, or no axe-core in .bin/axe: run 'make needs'")
	return "", ""
}

// browser is a Chromium that shows the operators' page. What it complains about fails the test.
type browser struct {
	*testing.T
	ctx      context.Context
	site     string // the only one that may be asked
	axe      string
	pictures string // folder
	width    int
	expected string // a complaint with this text is none: a refusal that is wanted

	mu         sync.Mutex
	complaints []string // guarded by mu
}

func newBrowser(t *testing.T, site string, width int) *browser {
	t.Helper()
	path, axe := chromium(t)
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.NoSandbox, // the tests may run as root
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(browserTime), chromedp.Env("TZ=America/Chicago"),
	})
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{T: t, ctx: ctx, site: site, axe: axe, pictures: os.Getenv("NUMHOOK_PICTURES"), width: width}
	if b.pictures == "" {
		b.pictures = t.TempDir()
	}
	chromedp.ListenTarget(ctx, b.listen)
	const height = 900
	b.do("open the browser", network.Enable(), cdplog.Enable(), runtime.Enable(), audits.Enable(),
		emulation.SetDeviceMetricsOverride(int64(width), height, 1, width < height))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, complaint := range b.complaints {
			t.Errorf("%d px: the browser complains: %s", width, complaint)
		}
	})
	return b
}

// listen takes down what should not be.
func (b *browser) listen(happened any) {
	switch e := happened.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme+"://"+u.Host != b.site {
			b.complain("it asked " + e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.complain("exception: " + e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		b.complain("console: " + string(e.Type))
	case *cdplog.EventEntryAdded:
		b.complain("log: " + e.Entry.Text + " " + e.Entry.URL)
	case *audits.EventIssueAdded:
		b.complain("issue: " + string(e.Issue.Code))
	}
}

func (b *browser) complain(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.expected == "" || !strings.Contains(text, b.expected) {
		b.complaints = append(b.complaints, text)
	}
}

// expect has complaints with the text be none from now on.
func (b *browser) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = text
}

func (b *browser) do(what string, actions ...chromedp.Action) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTime)
	defer cancel()
	if what == "open the browser" { // the first time begins the browser, which then ends with that context
		ctx = b.ctx
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.Fatalf("%d px: cannot %s: %v", b.width, what, err)
	}
}

// open shows a path.
func (b *browser) open(path string) {
	b.Helper()
	b.do("open "+path, chromedp.Navigate(b.site+path))
}

// press activates what the selector names, as the keyboard does it, and waits for the screen that it leads to.
func (b *browser) press(selector string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserTime)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.Focus(selector, chromedp.ByQuery),
		chromedp.SendKeys(selector, "\r", chromedp.ByQuery))
	if err != nil {
		b.Fatalf("%d px: cannot press %s: %v; the screen is\n%s", b.width, selector, err, b.text())
	}
}

// fill types into a field.
func (b *browser) fill(selector, text string) {
	b.Helper()
	b.do("fill "+selector, chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).value = ''", selector), nil),
		chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// text is what the screen says.
func (b *browser) text() (shown string) {
	b.Helper()
	b.do("read the screen", chromedp.Evaluate(`document.body.innerText`, &shown))
	return shown
}

// shows fails the test unless the screen says all of it.
func (b *browser) shows(texts ...string) {
	b.Helper()
	shown := b.text()
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			b.Fatalf("%d px: the screen does not say %q:\n%s", b.width, text, shown)
		}
	}
}

// look holds the screen against axe, against its own width, and keeps a picture of it.
func (b *browser) look(name string) {
	b.Helper()
	var found string
	var picture []byte
	var wide int
	b.do("look at "+name, chromedp.Evaluate(b.axe+"; 0", nil),
		chromedp.Evaluate(`axe.run().then(found => JSON.stringify(found.violations.map(
			v => [v.impact, v.id, v.nodes.map(n => n.target.join(" ")).join("; ")])))`, &found,
			func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
		chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide), chromedp.FullScreenshot(&picture, 100))
	var violations [][]string
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		b.Fatal(err)
	}
	for _, v := range violations {
		if v[0] == "serious" || v[0] == "critical" {
			b.Errorf("%s at %d px: axe finds %v", name, b.width, v)
		}
	}
	if wide > b.width {
		b.Errorf("%s at %d px: the screen is %d px wide", name, b.width, wide)
	}
	file := filepath.Join(b.pictures, fmt.Sprintf("%s-%d.png", name, b.width))
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		b.Error(err)
	}
}

// dark has the page shown in dark colours, or in light ones.
func (b *browser) dark(dark bool) {
	b.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do("turn "+scheme, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}}))
}
