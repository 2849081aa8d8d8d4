package api

import "fmt"

// What can be wrong with a signature itself is worded where signatures are verified.

// UnrecognizedClient answers an access key id that is not known, or a session token that is not its own.
func UnrecognizedClient() *Error {
	return say(UnrecognizedClientException, "The security token included in the request is invalid.")
}

// ExpiredToken answers temporary credentials past their time.
func ExpiredToken() *Error {
	return say(ExpiredTokenException, "The security token included in the request is expired")
}

// RequestTooLarge answers a body of more than MaxBody bytes.
func RequestTooLarge() *Error {
	return say(RequestEntityTooLargeException, fmt.Sprintf("The request is larger than %d bytes.", MaxBody))
}
