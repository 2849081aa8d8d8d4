package httpapi_test

import (
	"net/url"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// What AWS has and this server has not is told by name to whoever has signed, without a look at anything else: a key that
// there is and one that there is not get the same answer, and so do those who may do everything and nothing.
func TestAnOperationThatIsNotServedSaysSoByItsName(t *testing.T) {
	b := newBench(t)
	_, nobody := b.user("nobody", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	key := b.newKey()
	for name, why := range api.UnservedOperations() {
		want := "Operation " + name + " is not supported. " + why
		for _, body := range []string{`{}`, `{"KeyId":"` + key + `"}`, `{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}`, `{"KeyId":1}`, `[`} {
			got := b.call("TrentService."+name, body)
			b.refused(got, 400, "UnsupportedOperationException", want)
			record := b.audit.of(got.id)
			if len(record) != 1 || record[0]["eventName"] != name || record[0]["errorMessage"] != want || record[0]["requestParameters"] != nil ||
				record[0]["eventSource"] != "kms.amazonaws.com" {
				t.Errorf("%s %s is recorded as %v", name, body, record)
			}
		}
		b.refused(b.ask(b.sign(request("TrentService."+name, `{}`), nobody)), 400, "UnsupportedOperationException", want)
		b.refused(b.ask(request("TrentService."+name, `{}`)), 400, "MissingAuthenticationTokenException", "Request is missing Authentication Token")
		b.stsRefused(b.sts("Action="+url.QueryEscape(name)+version), 400, "InvalidAction", "")
	}
}
