package postgres

// Placing is the statement by which a transaction says that it draws places.
var Placing = statements[sayPlacing]

// LatestSchema is for the tests from outside.
const LatestSchema = latestSchema
