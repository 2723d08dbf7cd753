package eventsdoc

// kind is what an object of the document is.
type kind string

const (
	schema        kind = "schema"
	root          kind = "document"
	info          kind = "info"
	contact       kind = "contact"
	license       kind = "license"
	server        kind = "server"
	components    kind = "components"
	pathItem      kind = "path item"
	operation     kind = "operation"
	externalDocs  kind = "external documentation"
	parameter     kind = "parameter"
	requestBody   kind = "request body"
	mediaType     kind = "media type"
	encoding      kind = "encoding"
	response      kind = "response"
	header        kind = "header"
	example       kind = "example"
	link          kind = "link"
	callback      kind = "callback"
	tag           kind = "tag"
	discriminator kind = "discriminator"
	xml           kind = "XML object"
	security      kind = "security object"
)

// form is what the value of a keyword may look like.
type form int

const (
	anything form = iota + 1
	aText
	aBoolean
	aNumber
	aPositive       // a number above zero
	aCount          // an integer of zero or more
	aType           // a type's name, or a list of them
	aPattern        // a regular expression that can be compiled here
	names           // a list of different texts
	values          // a list that is not empty
	anyList         // a list
	aSchema         // an object or a boolean
	schemas         // an object with a schema in each member
	patterns        // the same, and the names of the members are patterns
	allSchemas      // a list of schemas that all count
	someSchemas     // a list of schemas that are alternatives
	positionSchemas // a list of schemas that count by their position
	nameLists       // an object with names in each member
	texts           // an object with a text in each member
	anObject        // an object of some kind
	objectList      // a list of them
	objects         // an object with one in each member
)

// want is what a keyword's value has to be.
type want struct {
	form form
	of   kind // for the forms that hold objects of OpenAPI
}

// unheld is why the receiver cannot hold payloads against some keywords that do have a meaning.
var unheld = map[string]string{
	"$dynamicRef": "the receiver follows no dynamic references",
}

// annotations are the keywords of a schema that ask for nothing.
var annotations = map[string]bool{
	"$id": true, "$schema": true, "$anchor": true, "$dynamicAnchor": true, "$comment": true, "$vocabulary": true,
	"$defs": true, "definitions": true,
	"contentEncoding": true, "contentMediaType": true, "contentSchema": true, "title": true, "description": true,
	"default": true, "deprecated": true,
	"readOnly": true, "writeOnly": true, "examples": true, "example": true, "discriminator": true, "xml": true,
	"externalDocs": true,
}

// words are what other objects hold for people.
var words = map[string]bool{"summary": true, "description": true, "example": true, "examples": true, "tags": true,
	"externalDocs": true}

// schemaKeywords is every keyword that JSON Schema 2020-12 and OpenAPI 3.1 give a meaning in a schema, and
// "definitions", where older documents keep what references lead to.
var schemaKeywords = map[string]want{
	"$id": {form: aText}, "$schema": {form: aText}, "$anchor": {form: aText}, "$dynamicAnchor": {form: aText},
	"$dynamicRef": {form: aText},
	"$comment":    {form: aText}, "$vocabulary": {form: anObject}, "$ref": {form: aText}, "$defs": {form: schemas},
	"definitions": {form: schemas},

	"type": {form: aType}, "enum": {form: values}, "const": {form: anything},
	"multipleOf": {form: aPositive}, "maximum": {form: aNumber}, "exclusiveMaximum": {form: aNumber},
	"minimum":          {form: aNumber},
	"exclusiveMinimum": {form: aNumber},
	"maxLength":        {form: aCount}, "minLength": {form: aCount}, "pattern": {form: aPattern}, "format": {form: aText},
	"contentEncoding": {form: aText}, "contentMediaType": {form: aText}, "contentSchema": {form: aSchema},
	"maxItems": {form: aCount}, "minItems": {form: aCount}, "uniqueItems": {form: aBoolean}, "maxContains": {form: aCount},
	"minContains":   {form: aCount},
	"maxProperties": {form: aCount}, "minProperties": {form: aCount}, "required": {form: names},
	"dependentRequired": {form: nameLists},

	"properties": {form: schemas}, "patternProperties": {form: patterns}, "additionalProperties": {form: aSchema},
	"propertyNames":         {form: aSchema},
	"unevaluatedProperties": {form: aSchema}, "dependentSchemas": {form: schemas},
	"items": {form: aSchema}, "prefixItems": {form: positionSchemas}, "contains": {form: aSchema},
	"unevaluatedItems": {form: aSchema},
	"allOf":            {form: allSchemas}, "anyOf": {form: someSchemas}, "oneOf": {form: someSchemas},
	"not": {form: aSchema},
	"if":  {form: aSchema}, "then": {form: aSchema}, "else": {form: aSchema},

	"title": {form: aText}, "description": {form: aText}, "default": {form: anything}, "deprecated": {form: aBoolean},
	"readOnly":  {form: aBoolean},
	"writeOnly": {form: aBoolean}, "examples": {form: anyList},

	"example": {form: anything}, "discriminator": {anObject, discriminator}, "xml": {anObject, xml},
	"externalDocs": {anObject, externalDocs},
}

var operations = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// The members that OpenAPI 3.1 gives the other objects. What is below servers, security, callbacks and links is
// nobody's business here.
var (
	parameterKeywords = map[string]want{
		"name": {form: aText}, "in": {form: aText}, "description": {form: aText}, "required": {form: aBoolean},
		"deprecated":      {form: aBoolean},
		"allowEmptyValue": {form: aBoolean}, "style": {form: aText}, "explode": {form: aBoolean},
		"allowReserved": {form: aBoolean},
		"schema":        {form: aSchema}, "example": {form: anything}, "examples": {objects, example},
		"content": {objects, mediaType}, "$ref": {form: aText},
	}

	keywords = map[kind]map[string]want{
		schema: schemaKeywords,
		root: {
			"openapi": {form: anything}, "info": {anObject, info}, "jsonSchemaDialect": {form: aText},
			"servers": {objectList, server},
			"paths":   {objects, pathItem}, "webhooks": {objects, pathItem}, "components": {anObject, components},
			"security": {objectList, security},
			"tags":     {objectList, tag}, "externalDocs": {anObject, externalDocs},
		},
		info: {
			"title": {form: aText}, "summary": {form: aText}, "description": {form: aText}, "termsOfService": {form: aText},
			"version": {form: aText},
			"contact": {anObject, contact}, "license": {anObject, license},
		},
		contact: {"name": {form: aText}, "url": {form: aText}, "email": {form: aText}},
		license: {"name": {form: aText}, "identifier": {form: aText}, "url": {form: aText}},
		components: {
			"schemas": {form: schemas}, "responses": {objects, response}, "parameters": {objects, parameter},
			"examples":      {objects, example},
			"requestBodies": {objects, requestBody}, "headers": {objects, header}, "securitySchemes": {objects, security},
			"links":     {objects, link},
			"callbacks": {objects, callback}, "pathItems": {objects, pathItem},
		},
		pathItem: withOperations(map[string]want{
			"summary": {form: aText}, "description": {form: aText}, "$ref": {form: aText}, "servers": {objectList, server},
			"parameters": {objectList, parameter},
		}),
		operation: {
			"tags": {form: names}, "summary": {form: aText}, "description": {form: aText},
			"externalDocs": {anObject, externalDocs},
			"operationId":  {form: aText}, "parameters": {objectList, parameter}, "requestBody": {anObject, requestBody},
			"responses": {objects, response}, "callbacks": {objects, callback}, "deprecated": {form: aBoolean},
			"security": {objectList, security},
			"servers":  {objectList, server},
		},
		externalDocs: {"description": {form: aText}, "url": {form: aText}},
		parameter:    parameterKeywords,
		header:       parameterKeywords,
		requestBody: {"description": {form: aText}, "content": {objects, mediaType}, "required": {form: aBoolean},
			"$ref": {form: aText}},
		mediaType: {
			"schema": {form: aSchema}, "example": {form: anything}, "examples": {objects, example},
			"encoding": {objects, encoding},
		},
		encoding: {
			"contentType": {form: aText}, "headers": {objects, header}, "style": {form: aText}, "explode": {form: aBoolean},
			"allowReserved": {form: aBoolean},
		},
		response: {
			"description": {form: aText}, "headers": {objects, header}, "content": {objects, mediaType},
			"links": {objects, link}, "$ref": {form: aText},
		},
		example: {
			"summary": {form: aText}, "description": {form: aText}, "value": {form: anything}, "externalValue": {form: aText},
			"$ref": {form: aText},
		},
		tag:           {"name": {form: aText}, "description": {form: aText}, "externalDocs": {anObject, externalDocs}},
		discriminator: {"propertyName": {form: aText}, "mapping": {form: texts}},
		xml: {
			"name": {form: aText}, "namespace": {form: aText}, "prefix": {form: aText}, "attribute": {form: aBoolean},
			"wrapped": {form: aBoolean},
		},
	}

	// needed are the members without which an object says nothing at all.
	needed = map[kind][]string{
		externalDocs: {"url"}, license: {"name"}, discriminator: {"propertyName"}, tag: {"name"}, parameter: {"name", "in"},
	}
)

func withOperations(own map[string]want) map[string]want {
	for _, method := range operations {
		own[method] = want{anObject, operation}
	}
	return own
}

// typeNames are the types of JSON Schema.
var typeNames = map[string]bool{
	"null": true, "boolean": true, "integer": true, "number": true, "string": true, "array": true, "object": true,
}

// meant are the keywords that people mean by words which JSON Schema 2020-12 does not know, where they cannot be told
// from the spelling.
var meant = map[string]string{
	"property": "properties", "additionalItems": "items", "dependencies": "dependentRequired or dependentSchemas",
	"id":          "$id",
	"divisibleBy": "multipleOf", "extends": "allOf", "disallow": "not", "components": "$defs",
	"$recursiveRef": "$ref", "values": "enum",
}

// IsKeyword reports whether a schema may have a member of that name that means something.
func IsKeyword(name string) bool {
	_, known := schemaKeywords[name]
	return known
}
