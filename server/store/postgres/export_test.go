package postgres

// Placing is the statement by which a transaction says that it draws seqs.
var Placing = statements[saySeqLock]

// LatestSchema is for the tests from outside.
const LatestSchema = latestSchema
