package operator

// Role is what the holder of a token may do.
type Role string

// The roles. Each may do what the one before it may.
const (
	Viewer   Role = "viewer"   // counts, states and masked numbers; no personal data
	Reader   Role = "reader"   // personal data: numbers and their values
	Operator Role = "operator" // actions
)

// Roles are all of them, the least first.
var Roles = []Role{Viewer, Reader, Operator}

// May reports whether the role may do what asks for the other. A role that is none may nothing.
func (r Role) May(needed Role) bool {
	return r.rank() > 0 && r.rank() >= needed.rank() && needed.rank() > 0
}

// rank is 0 for what is no role.
func (r Role) rank() int {
	for i, role := range Roles {
		if r == role {
			return i + 1
		}
	}
	return 0
}
