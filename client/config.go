package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultAttempts   = 4
	defaultFirstDelay = 100 * time.Millisecond
	defaultMaxDelay   = 5 * time.Second
	defaultTimeout    = time.Minute // as long as Keyhold's server takes at most
	product           = "keyhold-go/1"
)

// Config says where the calls go and whose they are. Endpoint is required.
type Config struct {
	// Endpoint is the server as https://host[:port], such as https://kms.example.com:8480; AWSEndpoint is that of AWS. There
	// is no default: plaintexts do not go to a server that nobody named.
	Endpoint string
	// STSEndpoint is where AssumeRole and GetCallerIdentity go, in the form of Endpoint. "": Endpoint, where Keyhold serves
	// them too; when Endpoint is an AWSEndpoint, that of AWS STS in its region.
	STSEndpoint string
	// Region is the one that signatures are for; the server must know it. "": what Region finds of the Environment that
	// Credentials is, or of the zero one.
	Region string
	// Credentials are those of the caller. They are asked for once, and again before they expire or after the server
	// refused them. Nil: what Environment finds.
	Credentials Provider
	// HTTPClient makes the connections. Its CheckRedirect and Jar are not used; TLS 1.2 is the least that its transport may
	// allow. Nil: one that verifies certificates against TLS, with proxies as HTTPS_PROXY and NO_PROXY tell.
	HTTPClient *http.Client
	// TLS is for the default HTTPClient only, as for a private certification authority; a MinVersion below TLS 1.2 is
	// refused. Nil: the system's authorities, TLS 1.2 and above.
	TLS *tls.Config
	// InsecurePlainHTTP allows http:// to other hosts than this one, on which everybody in between reads all plaintexts.
	// False: refused.
	InsecurePlainHTTP bool
	// Retry says how often a call is attempted, and when.
	Retry Retry
	// Timeout is how long one attempt may take. 0: one minute. The context bounds all of them together.
	Timeout time.Duration
	// UserAgent stands before the client's own in User-Agent, which audit records show: at most 256 characters of printable
	// ASCII. "": the client's own only.
	UserAgent string
	// Now is the clock that signatures are made by. Nil: the system's.
	Now func() time.Time
}

// Retry says how a call is repeated. The wait before a repetition is drawn evenly from nothing up to FirstDelay, which
// doubles with every attempt, and is MaxDelay at most.
type Retry struct {
	Attempts   int           // the first included. 0: 4; 1: nothing is repeated
	FirstDelay time.Duration // 0: 100 milliseconds
	MaxDelay   time.Duration // 0: 5 seconds
}

// AWSEndpoint is the endpoint of AWS KMS in a region of the standard, GovCloud (US) and China partitions (AWS General
// Reference, "AWS Key Management Service endpoints and quotas").
func AWSEndpoint(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "https://kms." + region + ".amazonaws.com.cn"
	}
	return "https://kms." + region + ".amazonaws.com"
}

// stsEndpoint is the endpoint of AWS STS beside an AWSEndpoint (AWS General Reference, "AWS Security Token Service endpoints
// and quotas"), and of any other host the same.
func stsEndpoint(kms *url.URL) *url.URL {
	sts := *kms
	name, known := strings.CutPrefix(kms.Host, "kms.")
	region, _, _ := strings.Cut(name, ".")
	if known && AWSEndpoint(region) == kms.Scheme+"://"+kms.Host {
		sts.Host = "sts." + name
	}
	return &sts
}

// places are where a client sends its requests.
type places struct{ endpoint, sts *url.URL }

// places parses the endpoints.
func (c Config) places() (p places, err error) {
	if c.Endpoint == "" {
		return p, errors.New("name an endpoint, such as https://kms.example.com:8480")
	}
	if p.endpoint, err = c.parseEndpoint("endpoint", c.Endpoint); err != nil {
		return p, err
	}
	p.sts = stsEndpoint(p.endpoint)
	if c.STSEndpoint != "" {
		p.sts, err = c.parseEndpoint("STS endpoint", c.STSEndpoint)
	}
	return p, err
}

// resolved is the configuration with its defaults, and the endpoints.
func (c Config) resolved() (Config, places, error) {
	if c.Retry.Attempts == 0 {
		c.Retry.Attempts = defaultAttempts
	}
	if c.Retry.FirstDelay == 0 {
		c.Retry.FirstDelay = defaultFirstDelay
	}
	if c.Retry.MaxDelay == 0 {
		c.Retry.MaxDelay = defaultMaxDelay
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Credentials == nil {
		c.Credentials = Environment{}
	}
	if err := c.check(); err != nil {
		return Config{}, places{}, fmt.Errorf("make a client: %w", err)
	}
	c.UserAgent = strings.TrimSpace(c.UserAgent + " " + product)
	to, err := c.places()
	if err != nil {
		return Config{}, places{}, fmt.Errorf("make a client: %w", err)
	}
	if c.Region == "" {
		where, _ := c.Credentials.(Environment)
		if c.Region, err = where.Region(); err != nil {
			return Config{}, places{}, fmt.Errorf("make a client: %w", err)
		}
	}
	return c, to, nil
}

func (c Config) check() error {
	switch {
	case c.Retry.Attempts < 0 || c.Retry.FirstDelay < 0 || c.Retry.MaxDelay < 0 || c.Timeout < 0:
		return errors.New("attempts, delays and timeout must not be negative")
	case len(c.UserAgent) > 256 || strings.ContainsFunc(c.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("the user agent must be at most 256 characters of printable ASCII")
	case c.HTTPClient != nil && c.TLS != nil:
		return errors.New("TLS is for the default HTTP client; set it in the transport of yours, or leave HTTPClient nil")
	case tooOld(c.tls()):
		return errors.New("TLS versions below 1.2 are not spoken; set MinVersion to tls.VersionTLS12, or to 0")
	}
	return nil
}

// tls is the configuration that connections are going to have, as far as it can be seen.
func (c Config) tls() *tls.Config {
	if c.HTTPClient != nil {
		if t, ok := c.HTTPClient.Transport.(*http.Transport); ok && t != nil {
			return t.TLSClientConfig
		}
	}
	return c.TLS
}

func tooOld(c *tls.Config) bool {
	return c != nil && (c.MinVersion != 0 && c.MinVersion < tls.VersionTLS12 || c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS12)
}

// parseEndpoint does not repeat an endpoint that may have a password in it.
func (c Config) parseEndpoint(what, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("the %s is not a URL such as https://kms.example.com:8480", what)
	case u.User != nil:
		return nil, fmt.Errorf("the %s must not hold a name or password; use access keys", what)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("the %s %s has something behind the host; the API is served at / only", what, u.Redacted())
	case u.Scheme == "http" && !c.InsecurePlainHTTP && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("the %s %s would send plaintexts in clear over the network; use https", what, u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the %s's scheme is %q; use https", what, u.Scheme)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}, nil
}

// isLoopback tells names of this host. RFC 6761, section 6.3, keeps localhost for it.
func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// httpClient follows no redirect: it would take a signed request, or its answer, to somebody else.
func (c Config) httpClient() *http.Client {
	h := http.Client{Transport: c.transport()}
	if c.HTTPClient != nil {
		h = *c.HTTPClient
	}
	h.Jar = nil
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// proxy is none for this host, however its name is spelt: what may go there in clear may not go to a proxy.
// http.ProxyFromEnvironment knows localhost in small letters only.
func proxy(r *http.Request) (*url.URL, error) {
	if isLoopback(r.URL.Hostname()) {
		return nil, nil //nolint:nilnil // as http.Transport has it
	}
	return http.ProxyFromEnvironment(r)
}

func (c Config) transport() *http.Transport {
	if c.HTTPClient != nil {
		return nil
	}
	secure := c.TLS.Clone()
	if secure == nil {
		secure = &tls.Config{}
	}
	if secure.MinVersion == 0 {
		secure.MinVersion = tls.VersionTLS12
	}
	return &http.Transport{
		Proxy: proxy, TLSClientConfig: secure, ForceAttemptHTTP2: true, DisableCompression: true,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 64,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
