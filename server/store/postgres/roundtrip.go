package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// answer is what a statement is expected to answer.
type answer struct {
	rows int // or anyNumber
	row  func(values [][]byte) error
}

const anyNumber = -1

// roundTrip is one round trip to the server and back: statements that go out in one piece, and their answers.
type roundTrip struct {
	session  *session
	pipeline *pgconn.Pipeline
	answers  []*answer
}

// ask queues a prepared statement; a nil answer is no rows.
func (trip *roundTrip) ask(name string, parameters [][]byte, a *answer) {
	trip.pipeline.SendQueryStatement(trip.session.prepared[name], parameters, binaryFormat, binaryFormat)
	trip.answers = append(trip.answers, a)
}

// binaryFormat is the format of all parameters and results.
var binaryFormat = []int16{1}

// run sends what was asked, and takes the answers. The last statement is COMMIT: nil means that the server said that it
// is durable.
func (trip *roundTrip) run() error {
	err := trip.pipeline.Sync()
	for i := 0; err == nil && i < len(trip.answers); i++ {
		err = trip.take(trip.answers[i], i == len(trip.answers)-1)
	}
	return errors.Join(err, trip.pipeline.Close())
}

func (trip *roundTrip) take(a *answer, last bool) error {
	result, err := trip.pipeline.GetResults()
	if err != nil {
		return err
	}
	reader, ok := result.(*pgconn.ResultReader)
	if !ok {
		return errAnswer
	}
	rows := 0
	for reader.NextRow() {
		rows++
		if a == nil {
			continue
		}
		if err == nil {
			err = a.row(reader.Values())
		}
	}
	tag, closed := reader.Close()
	switch {
	case closed != nil:
		return closed
	case err != nil:
		return err
	case a != nil && a.rows != anyNumber && rows != a.rows:
		return errAnswer
	case last && tag.String() != "COMMIT": // a transaction that had failed says ROLLBACK
		return errAnswer
	}
	return nil
}
