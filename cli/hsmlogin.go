package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/urfave/cli/v2"
)

// loginPath is where the admin socket takes the operator's word that the PIN is right now. The answer is 204, or 503 with
// the reason as text.
const loginPath = "/token/login"

// maxReason bounds such a reason, in octets.
const maxReason = 4 << 10

// login is what hsm login tells.
type login struct {
	Token  string `json:"token"`
	Serial string `json:"serial"`
	Taken  bool   `json:"taken"`
	Server bool   `json:"server,omitempty"` // the one that has the directory is logged in too
}

func (p *program) hsmLogin() *cli.Command {
	return &cli.Command{
		Name: "login", Usage: "try the configured PIN once", ArgsUsage: noOperands,
		Description: describe("Logs in to the token of the configuration once, lets it prove itself, and says whether it took the PIN. It is for\n"+
			"who has just put the right PIN in place. A wrong one counts as one attempt, and tokens lock themselves after a few.\n"+
			"When the token took it, a server that has the data directory logs in again too, if it is not logged in.",
			"keyhold hsm login"),
		Action: p.command(0, 0, p.tryPIN),
	}
}

func (p *program) tryPIN(c *cli.Context) error {
	config, err := loadConfig(c)
	if err != nil {
		return err
	}
	token, err := openToken(c.Context, config, pinSource(config.Token.PIN), p.logger(c), tokenWatch{stuck: p.giveUp})
	if errors.Is(err, device.ErrUntrusted) {
		return fmt.Errorf("the token took the PIN, and cannot be used: %w", err)
	}
	if err != nil {
		return err
	}
	st := token.Status(c.Context)
	if err := token.Close(); err != nil {
		return err
	}
	told, err := p.tellServer(c, config.Token.PIN.File != "")
	if err != nil {
		return err
	}
	return p.showOwn(c, login{st.Token, st.Serial, true, told}, func(t *table) {
		t.fact("Token", st.Token)
		t.fact("Serial", st.Serial)
		t.fact("PIN", "taken")
		if told {
			t.fact("Server", "logged in")
		}
	})
}

// tellServer has the server that has the data directory log in, if there is one and it reads the file that was just found to
// be right. One that got its PIN when it was started would only try that again.
func (p *program) tellServer(c *cli.Context, readsFile bool) (told bool, err error) {
	server := findServer(c.Context, dataDir(c))
	if server == nil {
		return false, nil
	}
	defer server.close()
	if !readsFile {
		p.sayf("a server has the data directory, and the PIN that it was started with: if its token is login-refused, restart it")
		return false, nil
	}
	if err := server.login(c.Context); err != nil {
		return false, advise(fmt.Errorf("the token took the PIN, and the server that has the data directory is not logged in: %w", err),
			"look at the server's log; if it has another configuration or was started by another version, restart it")
	}
	return true, nil
}

// login is Token.Login of the server's token.
func (r *neighbour) login(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://keyhold"+loginPath, nil)
	if err != nil {
		return err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNoContent {
		return nil
	}
	reason, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
	return errors.Join(fmt.Errorf("it answered with status %d: %s", response.StatusCode, strings.TrimSpace(string(reason))), err)
}

// operator carries out what the owner of the directory says to the server's token, and leaves all else to next.
func operator(token *hsm.Token, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != loginPath {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), socketTimeout)
		defer cancel()
		err := token.Login(ctx)
		log.Info("an operator asked for a login", "error", err, "source", "socket", "peer", r.RemoteAddr)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
