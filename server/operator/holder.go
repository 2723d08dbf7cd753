package operator

import (
	"context"
	"net/http"
	"slices"
)

type holderKey struct{}

// As is the context of a request that a holder makes who was found out otherwise than by a token, such as by the
// session of a page. No request that comes in from outside has such a context.
func As(ctx context.Context, h Holder) context.Context { return context.WithValue(ctx, holderKey{}, h) }

// heldBy is the holder whom As has put there.
func heldBy(r *http.Request) (Holder, bool) {
	h, ok := r.Context().Value(holderKey{}).(Holder)
	return h, ok
}

// Has reports whether the holder's line is still there, with the same name, role and token.
func (t Tokens) Has(h Holder) bool { return slices.Contains(t, h) }
