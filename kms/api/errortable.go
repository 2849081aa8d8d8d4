package api

// The errors that the service model declares.
const (
	AlreadyExistsException                                  = "AlreadyExistsException"
	CloudHsmClusterInUseException                           = "CloudHsmClusterInUseException"
	CloudHsmClusterInvalidConfigurationException            = "CloudHsmClusterInvalidConfigurationException"
	CloudHsmClusterNotActiveException                       = "CloudHsmClusterNotActiveException"
	CloudHsmClusterNotFoundException                        = "CloudHsmClusterNotFoundException"
	CloudHsmClusterNotRelatedException                      = "CloudHsmClusterNotRelatedException"
	ConflictException                                       = "ConflictException"
	CustomKeyStoreHasCMKsException                          = "CustomKeyStoreHasCMKsException"
	CustomKeyStoreInvalidStateException                     = "CustomKeyStoreInvalidStateException"
	CustomKeyStoreNameInUseException                        = "CustomKeyStoreNameInUseException"
	CustomKeyStoreNotFoundException                         = "CustomKeyStoreNotFoundException"
	DependencyTimeoutException                              = "DependencyTimeoutException"
	DisabledException                                       = "DisabledException"
	DryRunOperationException                                = "DryRunOperationException"
	ExpiredImportTokenException                             = "ExpiredImportTokenException"
	IncorrectKeyException                                   = "IncorrectKeyException"
	IncorrectKeyMaterialException                           = "IncorrectKeyMaterialException"
	IncorrectTrustAnchorException                           = "IncorrectTrustAnchorException"
	InvalidAliasNameException                               = "InvalidAliasNameException"
	InvalidArnException                                     = "InvalidArnException"
	InvalidCiphertextException                              = "InvalidCiphertextException"
	InvalidGrantIdException                                 = "InvalidGrantIdException"
	InvalidGrantTokenException                              = "InvalidGrantTokenException"
	InvalidImportTokenException                             = "InvalidImportTokenException"
	InvalidKeyUsageException                                = "InvalidKeyUsageException"
	InvalidMarkerException                                  = "InvalidMarkerException"
	KeyUnavailableException                                 = "KeyUnavailableException"
	KMSInternalException                                    = "KMSInternalException"
	KMSInvalidMacException                                  = "KMSInvalidMacException"
	KMSInvalidSignatureException                            = "KMSInvalidSignatureException"
	KMSInvalidStateException                                = "KMSInvalidStateException"
	LimitExceededException                                  = "LimitExceededException"
	MalformedPolicyDocumentException                        = "MalformedPolicyDocumentException"
	NotFoundException                                       = "NotFoundException"
	TagException                                            = "TagException"
	UnsupportedOperationException                           = "UnsupportedOperationException"
	XksKeyAlreadyInUseException                             = "XksKeyAlreadyInUseException"
	XksKeyInvalidConfigurationException                     = "XksKeyInvalidConfigurationException"
	XksKeyNotFoundException                                 = "XksKeyNotFoundException"
	XksProxyIncorrectAuthenticationCredentialException      = "XksProxyIncorrectAuthenticationCredentialException"
	XksProxyInvalidConfigurationException                   = "XksProxyInvalidConfigurationException"
	XksProxyInvalidResponseException                        = "XksProxyInvalidResponseException"
	XksProxyUriEndpointInUseException                       = "XksProxyUriEndpointInUseException"
	XksProxyUriInUseException                               = "XksProxyUriInUseException"
	XksProxyUriUnreachableException                         = "XksProxyUriUnreachableException"
	XksProxyVpcEndpointServiceInUseException                = "XksProxyVpcEndpointServiceInUseException"
	XksProxyVpcEndpointServiceInvalidConfigurationException = "XksProxyVpcEndpointServiceInvalidConfigurationException"
	XksProxyVpcEndpointServiceNotFoundException             = "XksProxyVpcEndpointServiceNotFoundException"
)

// The errors that the model does not declare: authentication, throttling, validation and the framework's own.
const (
	AccessDeniedException               = "AccessDeniedException"
	ExpiredTokenException               = "ExpiredTokenException"
	IncompleteSignatureException        = "IncompleteSignatureException"
	InternalFailure                     = "InternalFailure"
	InvalidClientTokenId                = "InvalidClientTokenId"
	InvalidSignatureException           = "InvalidSignatureException"
	MalformedHttpRequestException       = "MalformedHttpRequestException"
	MissingAuthenticationTokenException = "MissingAuthenticationTokenException"
	NotAuthorized                       = "NotAuthorized"
	NotAuthorizedException              = "NotAuthorizedException"
	OptInRequired                       = "OptInRequired"
	RequestAbortedException             = "RequestAbortedException"
	RequestEntityTooLargeException      = "RequestEntityTooLargeException"
	RequestExpired                      = "RequestExpired"
	RequestTimeoutException             = "RequestTimeoutException"
	SerializationException              = "SerializationException"
	ServiceUnavailable                  = "ServiceUnavailable"
	ThrottlingException                 = "ThrottlingException"
	UnknownOperationException           = "UnknownOperationException"
	UnrecognizedClientException         = "UnrecognizedClientException"
	ValidationException                 = "ValidationException"
)

// The statuses of nearly all errors (RFC 9110); the core knows no net/http.
const (
	badRequest  = 400
	serverError = 500
)

type errorRow struct {
	status    int
	retryable bool
}

// errorTable gives the status on the wire. It differs from the model's httpError trait (404, 409, 412, 503) and, for
// AccessDeniedException, from the documentation (403): real replies carry what stands here.
var errorTable = map[string]errorRow{
	AlreadyExistsException:                                  {badRequest, false},
	CloudHsmClusterInUseException:                           {badRequest, false},
	CloudHsmClusterInvalidConfigurationException:            {badRequest, false},
	CloudHsmClusterNotActiveException:                       {badRequest, false},
	CloudHsmClusterNotFoundException:                        {badRequest, false},
	CloudHsmClusterNotRelatedException:                      {badRequest, false},
	ConflictException:                                       {badRequest, false},
	CustomKeyStoreHasCMKsException:                          {badRequest, false},
	CustomKeyStoreInvalidStateException:                     {badRequest, false},
	CustomKeyStoreNameInUseException:                        {badRequest, false},
	CustomKeyStoreNotFoundException:                         {badRequest, false},
	DependencyTimeoutException:                              {serverError, true},
	DisabledException:                                       {badRequest, false},
	DryRunOperationException:                                {badRequest, false},
	ExpiredImportTokenException:                             {badRequest, false},
	IncorrectKeyException:                                   {badRequest, false},
	IncorrectKeyMaterialException:                           {badRequest, false},
	IncorrectTrustAnchorException:                           {badRequest, false},
	InvalidAliasNameException:                               {badRequest, false},
	InvalidArnException:                                     {badRequest, false},
	InvalidCiphertextException:                              {badRequest, false},
	InvalidGrantIdException:                                 {badRequest, false},
	InvalidGrantTokenException:                              {badRequest, false},
	InvalidImportTokenException:                             {badRequest, false},
	InvalidKeyUsageException:                                {badRequest, false},
	InvalidMarkerException:                                  {badRequest, false},
	KeyUnavailableException:                                 {serverError, true},
	KMSInternalException:                                    {serverError, true},
	KMSInvalidMacException:                                  {badRequest, false},
	KMSInvalidSignatureException:                            {badRequest, false},
	KMSInvalidStateException:                                {badRequest, false},
	LimitExceededException:                                  {badRequest, false},
	MalformedPolicyDocumentException:                        {badRequest, false},
	NotFoundException:                                       {badRequest, false},
	TagException:                                            {badRequest, false},
	UnsupportedOperationException:                           {badRequest, false},
	XksKeyAlreadyInUseException:                             {badRequest, false},
	XksKeyInvalidConfigurationException:                     {badRequest, false},
	XksKeyNotFoundException:                                 {badRequest, false},
	XksProxyIncorrectAuthenticationCredentialException:      {badRequest, false},
	XksProxyInvalidConfigurationException:                   {badRequest, false},
	XksProxyInvalidResponseException:                        {badRequest, false},
	XksProxyUriEndpointInUseException:                       {badRequest, false},
	XksProxyUriInUseException:                               {badRequest, false},
	XksProxyUriUnreachableException:                         {badRequest, false},
	XksProxyVpcEndpointServiceInUseException:                {badRequest, false},
	XksProxyVpcEndpointServiceInvalidConfigurationException: {badRequest, false},
	XksProxyVpcEndpointServiceNotFoundException:             {badRequest, false},

	AccessDeniedException:               {badRequest, false},
	ExpiredTokenException:               {badRequest, false},
	IncompleteSignatureException:        {badRequest, false},
	InternalFailure:                     {serverError, true},
	InvalidClientTokenId:                {badRequest, false},
	InvalidSignatureException:           {badRequest, false},
	MalformedHttpRequestException:       {badRequest, false},
	MissingAuthenticationTokenException: {badRequest, false},
	NotAuthorized:                       {401, false},
	NotAuthorizedException:              {badRequest, false},
	OptInRequired:                       {403, false},
	RequestAbortedException:             {badRequest, false},
	RequestEntityTooLargeException:      {413, false},
	RequestExpired:                      {badRequest, false},
	RequestTimeoutException:             {408, true},
	SerializationException:              {badRequest, false},
	ServiceUnavailable:                  {503, true},
	ThrottlingException:                 {badRequest, true},
	UnknownOperationException:           {badRequest, false},
	UnrecognizedClientException:         {badRequest, false},
	ValidationException:                 {badRequest, false},
}
