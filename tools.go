//go:build tools

// Package tools pins the generator, so that everybody generates the same code.
package tools

import (
	_ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
)
