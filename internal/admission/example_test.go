package admission_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
)

func Example() {
	gate, err := admission.New(admission.Config{
		Capacity: 8, // as many as the token has sessions
		Rates: admission.Rates{
			Account: admission.Rate{PerSecond: 10_000},
			Class:   map[admission.Class]admission.Rate{admission.DataKeyPair: {PerSecond: 1}},
		},
		Now: time.Now,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		leave, err := gate.Enter(context.Background(), admission.Ticket{
			Account: "111122223333", Principal: "AIDAEXAMPLE", Class: admission.DataKeyPair,
		})
		switch {
		case errors.Is(err, admission.ErrThrottled):
			fmt.Println("ThrottlingException:", err)
		case err != nil:
			fmt.Println("the client has gone:", err)
		default:
			fmt.Println("inside")
			leave()
		}
	}
	// Output:
	// inside
	// ThrottlingException: throttled: the account is over its rate for such operations
}
