package diff

import "strings"

// compareDocuments looks at what stands in the documents beside their events.
func (c *comparer) compareDocuments() {
	old, new := c.old.root, c.new.root
	for _, keyword := range union(old.members(), new.members()) {
		a, b := old.member(keyword), new.member(keyword)
		switch keyword {
		case "webhooks", "paths": // event by event
		case "components": // where the events refer to them
			c.reportDifference("document-changed", a.member("securitySchemes"), b.member("securitySchemes"), "securitySchemes")
		case "openapi":
			c.compareVersions(a, b)
		case "info", "servers":
			c.reportDifference("annotation-changed", a, b, keyword)
		default:
			if isAnnotation(keyword) {
				c.reportDifference("annotation-changed", a, b, keyword)
			} else {
				c.reportDifference("document-changed", a, b, keyword)
			}
		}
	}
}

// compareVersions: between 3.1.0 and 3.1.1 only the specification's wording changed; between 3.0 and 3.1 the meaning of
// keywords did.
func (c *comparer) compareVersions(old, new cursor) {
	switch {
	case minor(c.old.version) != minor(c.new.version):
		c.report(scope{}, "openapi-version-changed", old, new, quote(c.old.version), quote(c.new.version))
	case c.old.version != c.new.version:
		c.report(scope{}, "annotation-changed", old, new, "openapi")
	}
}

func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}
