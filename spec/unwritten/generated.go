// Package unwritten says what is left to write after the code of the receiver was generated anew: an event of the
// strict interface for which the server has no method, a method whose event is gone, and a member whose Go type is
// another one now, so that what reads it does not compile, however harmless the change is for what comes.
//
// It guarantees that the listing is complete before the compiler is asked, which names the first missing method and
// stops. It reads source text only: nothing has to compile.
package unwritten

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// strictInterface is what the generator calls the interface with one method for each event.
const strictInterface = "StrictServerInterface"

// generated is what a generated file asks of a server.
type generated struct {
	types   map[string]*ast.TypeSpec
	methods []method // in the order of the interface
}

// method is one method of the strict interface.
type method struct {
	name      string
	event     string   // the event's name
	signature string   // of its parameters and results
	members   []member // what its parameters lead to, in order
}

// member is a Go expression that a method may read, and its type.
type member struct{ path, typ string }

// readGenerated reads a generated file. An empty text has no methods.
func readGenerated(name string, text []byte) (*generated, error) {
	g := &generated{types: map[string]*ast.TypeSpec{}}
	if len(text) == 0 {
		return g, nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("cannot read the generated code: %w", err)
	}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			if spec, ok := spec.(*ast.TypeSpec); ok {
				g.types[spec.Name.Name] = spec
			}
		}
	}
	strict, ok := g.types[strictInterface]
	if !ok {
		return nil, fmt.Errorf("cannot read the generated code: %s has no %s", name, strictInterface)
	}
	interfaceType, ok := strict.Type.(*ast.InterfaceType)
	if !ok {
		return nil, fmt.Errorf("cannot read the generated code: %s of %s is no interface", strictInterface, name)
	}
	for _, field := range interfaceType.Methods.List {
		function, ok := field.Type.(*ast.FuncType)
		if !ok || len(field.Names) != 1 {
			continue
		}
		g.methods = append(g.methods, g.method(field, function))
	}
	return g, nil
}

func (g *generated) method(field *ast.Field, function *ast.FuncType) method {
	m := method{name: field.Names[0].Name, event: field.Names[0].Name}
	if _, path, found := strings.Cut(field.Doc.Text(), "(POST /"); found {
		m.event, _, _ = strings.Cut(path, ")")
	}
	var parameters, results []string
	for _, p := range function.Params.List {
		parameters = append(parameters, types.ExprString(p.Type))
		for _, name := range p.Names {
			m.members = g.membersOf(m.members, name.Name, p.Type, nil)
		}
	}
	if function.Results != nil {
		for _, r := range function.Results.List {
			results = append(results, types.ExprString(r.Type))
		}
	}
	m.signature = fmt.Sprintf("(%s) (%s)", strings.Join(parameters, ", "), strings.Join(results, ", "))
	return m
}

// membersOf adds what an expression of a type leads to. within are the types on the way, so that a type that holds
// itself ends.
func (g *generated) membersOf(found []member, path string, typ ast.Expr, within []string) []member {
	switch t := typ.(type) {
	case *ast.StarExpr:
		return g.membersOf(found, path, t.X, within)
	case *ast.ArrayType:
		return g.membersOf(found, path+"[]", t.Elt, within)
	case *ast.MapType:
		return g.membersOf(found, path+"[]", t.Value, within)
	case *ast.Ident:
		spec := g.types[t.Name]
		for _, name := range within {
			if name == t.Name {
				return found
			}
		}
		if spec == nil {
			return found
		}
		return g.membersOf(found, path, spec.Type, append(within[:len(within):len(within)], t.Name))
	case *ast.StructType:
		for _, field := range t.Fields.List {
			for _, name := range field.Names {
				at := path + "." + name.Name
				found = append(found, member{at, g.typeOf(field.Type)})
				found = g.membersOf(found, at, field.Type, within)
			}
		}
	}
	return found
}

// typeOf names a type. A named type that is no struct is named with what it is, because that is what can change without
// the name.
func (g *generated) typeOf(typ ast.Expr) string {
	name := types.ExprString(typ)
	plain := strings.TrimLeft(name, "*[]")
	spec := g.types[plain]
	for spec != nil {
		if _, isStruct := spec.Type.(*ast.StructType); isStruct {
			return name
		}
		under := types.ExprString(spec.Type)
		next := g.types[strings.TrimLeft(under, "*[]")]
		if next == nil {
			return name + " (" + under + ")"
		}
		spec = next
	}
	return name
}
