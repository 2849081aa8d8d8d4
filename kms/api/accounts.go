package api

// Account describes an account (Keyhold's own). CreateDate of the directory's own account is when the directory was
// initialised.
type Account struct {
	AccountID  string `json:"AccountId" audit:"record"` // 12 digits
	Name       string `json:"Name" audit:"record"`      // empty when it was given none
	State      string `json:"State" audit:"record"`     // Active or Inactive
	CreateDate Time   `json:"CreateDate" audit:"record"`
	// Own tells the account that the directory was initialised for. It has no name, and is always active.
	Own bool `json:"Own" audit:"record"`
}

// CreateAccountInput makes an account beside the directory's own (Keyhold's own).
type CreateAccountInput struct {
	// AccountID is 12 digits that no account has, or had. Absent: drawn at random.
	AccountID *string `json:"AccountId,omitzero" audit:"record"`
	// Name is 1..50 characters of U+0020 to U+007E (AWS Organizations API reference, CreateAccount). Absent: none.
	Name *string `json:"Name,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *CreateAccountInput) Validate() error {
	var v violations
	v.account(false, in.AccountID)
	text(&v, "name", in.Name, bounds{min: 1, max: 50, pattern: accountNamePattern})
	return v.err()
}

// CreateAccountOutput has the new account.
type CreateAccountOutput struct {
	Account Account `json:"Account" audit:"record"`
}

// ListAccountsInput asks for a page of the accounts (Keyhold's own).
type ListAccountsInput struct {
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *ListAccountsInput) Validate() error {
	var v violations
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 50 by default, at most 100.
func (in *ListAccountsInput) PageSize() int { return pageSize(in.Limit, smallPage, 2*smallPage) }

// ListAccountsOutput is a page of accounts: the directory's own first, then the others by id. NextMarker is set when
// Truncated.
type ListAccountsOutput struct {
	Accounts   []Account `json:"Accounts" audit:"record"`
	NextMarker string    `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool      `json:"Truncated" audit:"record"`
}

// EnableAccountInput lets the principals of an account in again (Keyhold's own).
type EnableAccountInput struct {
	AccountID *string `json:"AccountId,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *EnableAccountInput) Validate() error { return validateAccount(in.AccountID) }

// EnableAccountOutput has the account as it is now.
type EnableAccountOutput struct {
	Account Account `json:"Account" audit:"record"`
}

// DisableAccountInput shuts out every principal of an account, its root too, and closes its keys to everybody
// (Keyhold's own).
type DisableAccountInput struct {
	AccountID *string `json:"AccountId,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DisableAccountInput) Validate() error { return validateAccount(in.AccountID) }

// DisableAccountOutput has the account as it is now.
type DisableAccountOutput struct {
	Account Account `json:"Account" audit:"record"`
}

// DeleteAccountInput removes an account that has neither keys nor principals, for good: its number is not given again
// (Keyhold's own).
type DeleteAccountInput struct {
	AccountID *string `json:"AccountId,omitzero" audit:"record"`
}

// Validate checks the members one by one.
func (in *DeleteAccountInput) Validate() error { return validateAccount(in.AccountID) }

// DeleteAccountOutput names the account that is no more.
type DeleteAccountOutput struct {
	AccountID string `json:"AccountId" audit:"record"`
}

func validateAccount(id *string) error {
	var v violations
	v.account(true, id)
	return v.err()
}
