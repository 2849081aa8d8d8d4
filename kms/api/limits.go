package api

// The limits of requests and resources (AWS KMS developer guide, "Quotas", and the API reference of each member). Lengths
// of strings are in UTF-16 code units, as AWS counts them; of blobs in bytes.
const (
	MaxBody              = 1 << 20 // bytes of a request
	MaxCiphertext        = 6144
	MaxPlaintext         = 4096
	MaxRandom            = 1024  // NumberOfBytes of GenerateDataKey and GenerateRandom
	MaxPolicy            = 32768 // bytes of a key policy; the request model alone would allow 131,072 characters
	MaxDescription       = 8192
	MaxTags              = 50    // of one key
	MaxKeysPerAccount    = 10000 // customer managed, in one Region, in whatever state, unless the configuration says otherwise; AWS has 100,000
	MaxAliasesPerKey     = 50
	MaxGrantsPerKey      = 50000
	MaxGrantTokens       = 10 // in one request
	MaxOnDemandRotations = 25 // of one key, for life

	MaxPoliciesPerPrincipal = 50    // Keyhold's own
	MaxPoliciesTotal        = 32768 // bytes of a principal's policies together; IAM has 2,048 for users and 10,240 for roles
	MaxAccessKeysPerUser    = 2     // IAM User Guide, "IAM and AWS STS quotas"

	MinSessionDuration     = 3600 // seconds; of a role (IAM API reference, CreateRole, MaxSessionDuration)
	MaxSessionDuration     = 43200
	DefaultSessionDuration = 3600

	MinPendingWindow     = 7 // days; the model says 1..365, the service accepts 7..30
	MaxPendingWindow     = 30
	DefaultPendingWindow = 30

	MinRotationPeriod     = 90 // days
	MaxRotationPeriod     = 2560
	DefaultRotationPeriod = 365
)

// MaxEncryptionContext bounds an encryption context: the total length of its names and values in bytes of UTF-8. AWS
// documents no figure; without one a caller could make this server authenticate, log and compare a megabyte for every
// data key. 8,192 is above what any known client sends.
const MaxEncryptionContext = 8192

// Page sizes of the listing operations: the default, and the most that one page holds. A larger Limit within the
// model's 1..1000 is answered with the most, since the documentation promises no more than Limit entries.
const (
	defaultPage = 100
	maxPage     = 1000
	smallPage   = 50
)

func pageSize(limit *int32, byDefault, most int) int {
	if limit == nil {
		return byDefault
	}
	return min(int(*limit), most)
}
