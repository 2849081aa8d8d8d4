package sigv4

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	defaultSkew = 5 * time.Minute
	maxSkew     = 15 * time.Minute // what AWS allows
)

// Config says which requests a Verifier takes.
type Config struct {
	// Service is the service that a credential must be scoped to, as "kms". There is no default.
	Service string
	// Regions are those that a credential may be scoped to. There is no default.
	Regions []string
	// Skew is how far a request's time may be from now, either way: whole minutes, at most 15. 0 means 5 minutes.
	Skew time.Duration
}

func (c Config) withDefaults() Config {
	if c.Skew == 0 {
		c.Skew = defaultSkew
	}
	c.Regions = slices.Clone(c.Regions)
	return c
}

func (c Config) check() error {
	switch {
	case !isName(c.Service):
		return fmt.Errorf("check service %q: not a service name", c.Service)
	case len(c.Regions) == 0:
		return fmt.Errorf("check regions: there is none")
	case c.Skew < time.Minute || c.Skew > maxSkew || c.Skew%time.Minute != 0:
		return fmt.Errorf("check clock skew %v: not 1 to 15 whole minutes", c.Skew)
	}
	for _, region := range c.Regions {
		if !isName(region) {
			return fmt.Errorf("check region %q: not a region name", region)
		}
	}
	return nil
}

// Verifier reads signed requests. It has no state, and is safe for concurrent use.
type Verifier struct{ config Config }

// NewVerifier refuses a configuration that lacks service or regions, or allows more than 15 minutes of skew.
func NewVerifier(c Config) (*Verifier, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("make verifier: %w", err)
	}
	return &Verifier{config: c}, nil
}

// Parse checks all of a request that needs neither the secret nor the body: its form, that what must be signed is, and
// that time and scope are right. Whoever it lets through is not authenticated yet; Request.Verify tells. Every error is
// an *Error.
func (v *Verifier) Parse(r *http.Request, now time.Time) (Request, error) {
	request, err := v.parse(r, now)
	if err != nil {
		return Request{}, err
	}
	return request, nil
}

func (v *Verifier) parse(r *http.Request, now time.Time) (Request, *Error) {
	f := newFields(r)
	auth, err := authorization(f, target(r))
	if err != nil {
		return Request{}, err
	}
	at, err := v.checkFields(f, auth, now)
	if err != nil {
		return Request{}, err
	}
	hash, err := f.payloadHash()
	if err != nil {
		return Request{}, err
	}
	head, err := canonicalHead(r.Method, target(r), f, auth.SignedHeaders)
	if err != nil {
		return Request{}, err
	}
	return Request{auth: auth, at: at, received: now, head: head, payloadHash: hash, token: f.canonical(amzToken)}, nil
}

// checkFields goes in the order of AWS's JSON services: date, skew, signed headers, scope.
func (v *Verifier) checkFields(f fields, auth Authorization, now time.Time) (time.Time, *Error) {
	at, err := f.requestTime()
	if err != nil {
		return at, err
	}
	if err := checkTime(at, now, v.config.Skew); err != nil {
		return at, err
	}
	if err := f.checkUnsigned(auth.SignedHeaders); err != nil {
		return at, err
	}
	if err := f.checkSigned(auth.SignedHeaders); err != nil {
		return at, err
	}
	return at, v.checkScope(auth.Scope, at)
}

// checkScope names all faults at once, as AWS does; hence the blank after each sentence.
func (v *Verifier) checkScope(s Scope, at time.Time) *Error {
	var text, faults []string
	if !slices.Contains(v.config.Regions, s.Region) {
		text, faults = append(text, "Credential should be scoped to a valid region, not '"+s.Region+"'. "), append(faults, "region")
	}
	if s.Service != v.config.Service {
		text, faults = append(text, "Credential should be scoped to correct service: '"+v.config.Service+"'. "), append(faults, "service")
	}
	if day := at.Format(dateStamp); s.Date != day {
		text, faults = append(text, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			s.Date+"' != '"+day+"', from '"+at.Format(isoBasic)+"'."), append(faults, "date")
	}
	if faults == nil {
		return nil
	}
	return invalid(strings.Join(text, ""), "credential scope: "+strings.Join(faults, ", "))
}

// authorization finds the one Authorization header. Authentication in the query string, of version 4 or 2, is refused.
func authorization(f fields, target string) (Authorization, *Error) {
	_, rawQuery, _ := strings.Cut(target, "?")
	query, err := parseQuery(rawQuery)
	if err != nil {
		return Authorization{}, err
	}
	headers := f["authorization"]
	presigned := slices.ContainsFunc(query, func(p queryParameter) bool {
		name := strings.ToLower(p.name)
		return strings.HasPrefix(name, amzPrefix) || name == "awsaccesskeyid"
	})
	switch {
	case len(headers) == 0 && presigned:
		return Authorization{}, errMissing("authentication in the query string")
	case len(headers) == 0:
		return Authorization{}, errMissing("no Authorization header")
	case presigned:
		return Authorization{}, errBothPlaces()
	case len(headers) > 1:
		return Authorization{}, errParameter("it occurs more than once")
	}
	return parseAuthorization(headers[0])
}
