package main

import (
	"strings"
	"testing"
)

func TestPagerGetsTheListAndMayBeLeft(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	p := startPager(&shown, []string{"sed", "s/^/> /"})
	if p == nil {
		t.Fatal("it does not start")
	}
	if n, err := p.Write([]byte("a\nb\n")); n != 4 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	p.end()
	if shown.String() != "> a\n> b\n" {
		t.Errorf("it shows %q", shown.String())
	}
	left := startPager(&shown, []string{"true"})
	for range 100 { // a pipe holds 64 KiB
		if _, err := left.Write(make([]byte, 4096)); err != nil {
			t.Error(err)
		}
	}
	left.end()
	if startPager(&shown, []string{"/nowhere/less"}) != nil || paged(&shown) != nil {
		t.Error("there is a pager where there is none")
	}
}
