package validation

import "errors"

// together is several reports of one run.
type together []Report

// Together is a report that writes several.
func Together(reports ...Report) Report {
	if len(reports) == 1 {
		return reports[0]
	}
	return together(reports)
}

func (t together) Finding(f *Finding, where excerpt) {
	for _, r := range t {
		r.Finding(f, where)
	}
}

func (t together) Unreadable(file string, err error) {
	for _, r := range t {
		r.Unreadable(file, err)
	}
}

func (t together) File(name string, payloads int) {
	for _, r := range t {
		r.File(name, payloads)
	}
}

func (t together) Flush() error { return t.all(Report.Flush) }

func (t together) End(s Summary) error {
	return t.all(func(r Report) error { return r.End(s) })
}

// all calls each of the reports: that one cannot be written is no loss of the others.
func (t together) all(call func(Report) error) error {
	var failed []error
	for _, r := range t {
		failed = append(failed, call(r))
	}
	return errors.Join(failed...)
}
