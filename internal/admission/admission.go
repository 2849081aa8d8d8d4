// Package admission decides which requests come in, and in which order: by rates, and by how many may be inside at once.
package admission

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// The defaults of a Config.
const (
	defaultQueue    = 1024
	defaultWait     = time.Second
	defaultRemember = 1 << 16
)

// Config is what a Gate is made of. Now is required.
type Config struct {
	// Capacity is how many requests may be inside at once, those that are exempt not counted. 0: any number.
	Capacity int
	// Queue is how many requests may wait, of all principals together. 0: 1,024.
	Queue int
	// Wait is how long a request may wait. 0: one second.
	Wait time.Duration
	// Rates are how many requests may come in each second. Zero: any number.
	Rates Rates
	// Remember is how many token buckets are kept for each rate. Beyond it the one that was used longest ago is
	// forgotten, which gives its owner a full one: so whoever can act under more names than this escapes the rate of
	// each name, but not that of the account. 0: 65,536.
	Remember int
	// Waited is told of each request that is not exempt how long it waited for its place, 0 when it found one at once;
	// also of those that went away without one, but not of those over a rate. It must return at once. nil: nobody is told.
	Waited func(time.Duration)
	// Now is the clock of the token buckets. Deadlines in the queue run by the runtime's timers.
	Now func() time.Time
}

func (c Config) resolved() (Config, error) {
	switch {
	case c.Now == nil:
		return c, errors.New("admission needs a clock: set Now")
	case c.Capacity < 0 || c.Queue < 0 || c.Wait < 0 || c.Remember < 0:
		return c, fmt.Errorf("admission has a negative bound (capacity %d, queue %d, wait %s, remember %d): use 0 for the default",
			c.Capacity, c.Queue, c.Wait, c.Remember)
	}
	if c.Capacity == 0 {
		c.Capacity = math.MaxInt
	}
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	if c.Wait == 0 {
		c.Wait = defaultWait
	}
	if c.Remember == 0 {
		c.Remember = defaultRemember
	}
	if c.Waited == nil {
		c.Waited = func(time.Duration) {}
	}
	return c, nil
}

// Class is a kind of operation that has a rate of its own.
type Class int

// The classes, along the lines of AWS's request quotas (AWS KMS Developer Guide, "Request quotas").
const (
	Symmetric   Class = iota + 1 // symmetric and HMAC keys, data keys, random octets
	Asymmetric                   // operations with a key pair
	DataKeyPair                  // generation of data key pairs
	Management                   // changes
	Read                         // looks at rows
)

var classNames = [...]string{Symmetric: "symmetric", Asymmetric: "asymmetric", DataKeyPair: "data-key-pair",
	Management: "management", Read: "read"}

// String is the class in one word, such as "data-key-pair", and "none" for anything else.
func (c Class) String() string {
	if !c.valid() {
		return "none"
	}
	return classNames[c]
}

func (c Class) valid() bool { return c > 0 && int(c) < len(classNames) }

// Ticket is what a Gate knows of a request.
type Ticket struct {
	Account string
	// Principal is whose queue and rate it is, inside the account: a user, or a role. It must not be something that a
	// caller can choose, such as the name of a role's session: who has many names gets many turns.
	Principal string
	// Class is whose rate it is. 0: none.
	Class Class
	// Exempt requests do not touch what the capacity protects: they never wait and are not counted, but have rates.
	Exempt bool
}

// caller is a principal, or with Principal empty an account.
type caller struct{ account, principal string }
