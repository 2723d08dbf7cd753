package postgres

import "encoding/binary"

// The types of which columns are made: their object ids are the same in every PostgreSQL.
const (
	typeBytea  = 17
	typeBigint = 20
	typeInt    = 23
	typeText   = 25
)

// column is one array parameter of a statement, in PostgreSQL's binary form. It is written as the batch is gathered,
// one element a row.
type column struct {
	buf   []byte
	rows  uint32
	nulls bool
}

// header is in front of the elements: dimensions, whether there are nulls, the elements' type, their number, the first
// index.
const header = 20

// keep is how large a buffer may be to be used again for the next batch.
const keep = 1 << 20

func (c *column) reset(elements uint32) {
	if cap(c.buf) < header || cap(c.buf) > keep {
		c.buf = make([]byte, header, 4096)
	}
	c.buf, c.rows, c.nulls = c.buf[:header], 0, false
	binary.BigEndian.PutUint32(c.buf[0:], 1)
	binary.BigEndian.PutUint32(c.buf[8:], elements)
	binary.BigEndian.PutUint32(c.buf[16:], 1)
}

func (c *column) bigint(v int64) {
	c.rows++
	c.buf = binary.BigEndian.AppendUint32(c.buf, 8)
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(v))
}

func (c *column) integer(v int32) {
	c.rows++
	c.buf = binary.BigEndian.AppendUint32(c.buf, 4)
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(v))
}

func (c *column) bytes(v []byte) {
	c.rows++
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(v)))
	c.buf = append(c.buf, v...)
}

func (c *column) text(v string) {
	c.rows++
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(v)))
	c.buf = append(c.buf, v...)
}

func (c *column) null() {
	c.rows++
	c.nulls = true
	c.buf = binary.BigEndian.AppendUint32(c.buf, 1<<32-1)
}

// parameter is the whole array.
func (c *column) parameter() []byte {
	if c.nulls {
		binary.BigEndian.PutUint32(c.buf[4:], 1)
	} else {
		binary.BigEndian.PutUint32(c.buf[4:], 0)
	}
	binary.BigEndian.PutUint32(c.buf[12:], c.rows)
	return c.buf
}

// table is the columns of one statement.
type table struct {
	types   []uint32
	columns []column
}

func newTable(types ...uint32) *table {
	t := &table{types: types, columns: make([]column, len(types))}
	t.reset()
	return t
}

func (t *table) reset() {
	for i := range t.columns {
		t.columns[i].reset(t.types[i])
	}
}

func (t *table) parameters() [][]byte {
	values := make([][]byte, len(t.columns))
	for i := range t.columns {
		values[i] = t.columns[i].parameter()
	}
	return values
}
