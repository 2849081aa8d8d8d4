package api

import "net/http"

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

type errorRow struct {
	status    int
	retryable bool
}

// errorTable gives the status on the wire. It differs from the model's httpError trait (404, 409, 412, 503) and, for
// AccessDeniedException, from the documentation (403): real replies carry what stands here.
var errorTable = map[string]errorRow{
	AlreadyExistsException:                                  {http.StatusBadRequest, false},
	CloudHsmClusterInUseException:                           {http.StatusBadRequest, false},
	CloudHsmClusterInvalidConfigurationException:            {http.StatusBadRequest, false},
	CloudHsmClusterNotActiveException:                       {http.StatusBadRequest, false},
	CloudHsmClusterNotFoundException:                        {http.StatusBadRequest, false},
	CloudHsmClusterNotRelatedException:                      {http.StatusBadRequest, false},
	ConflictException:                                       {http.StatusBadRequest, false},
	CustomKeyStoreHasCMKsException:                          {http.StatusBadRequest, false},
	CustomKeyStoreInvalidStateException:                     {http.StatusBadRequest, false},
	CustomKeyStoreNameInUseException:                        {http.StatusBadRequest, false},
	CustomKeyStoreNotFoundException:                         {http.StatusBadRequest, false},
	DependencyTimeoutException:                              {http.StatusInternalServerError, true},
	DisabledException:                                       {http.StatusBadRequest, false},
	DryRunOperationException:                                {http.StatusBadRequest, false},
	ExpiredImportTokenException:                             {http.StatusBadRequest, false},
	IncorrectKeyException:                                   {http.StatusBadRequest, false},
	IncorrectKeyMaterialException:                           {http.StatusBadRequest, false},
	IncorrectTrustAnchorException:                           {http.StatusBadRequest, false},
	InvalidAliasNameException:                               {http.StatusBadRequest, false},
	InvalidArnException:                                     {http.StatusBadRequest, false},
	InvalidCiphertextException:                              {http.StatusBadRequest, false},
	InvalidGrantIdException:                                 {http.StatusBadRequest, false},
	InvalidGrantTokenException:                              {http.StatusBadRequest, false},
	InvalidImportTokenException:                             {http.StatusBadRequest, false},
	InvalidKeyUsageException:                                {http.StatusBadRequest, false},
	InvalidMarkerException:                                  {http.StatusBadRequest, false},
	KeyUnavailableException:                                 {http.StatusInternalServerError, true},
	KMSInternalException:                                    {http.StatusInternalServerError, true},
	KMSInvalidMacException:                                  {http.StatusBadRequest, false},
	KMSInvalidSignatureException:                            {http.StatusBadRequest, false},
	KMSInvalidStateException:                                {http.StatusBadRequest, false},
	LimitExceededException:                                  {http.StatusBadRequest, false},
	MalformedPolicyDocumentException:                        {http.StatusBadRequest, false},
	NotFoundException:                                       {http.StatusBadRequest, false},
	TagException:                                            {http.StatusBadRequest, false},
	UnsupportedOperationException:                           {http.StatusBadRequest, false},
	XksKeyAlreadyInUseException:                             {http.StatusBadRequest, false},
	XksKeyInvalidConfigurationException:                     {http.StatusBadRequest, false},
	XksKeyNotFoundException:                                 {http.StatusBadRequest, false},
	XksProxyIncorrectAuthenticationCredentialException:      {http.StatusBadRequest, false},
	XksProxyInvalidConfigurationException:                   {http.StatusBadRequest, false},
	XksProxyInvalidResponseException:                        {http.StatusBadRequest, false},
	XksProxyUriEndpointInUseException:                       {http.StatusBadRequest, false},
	XksProxyUriInUseException:                               {http.StatusBadRequest, false},
	XksProxyUriUnreachableException:                         {http.StatusBadRequest, false},
	XksProxyVpcEndpointServiceInUseException:                {http.StatusBadRequest, false},
	XksProxyVpcEndpointServiceInvalidConfigurationException: {http.StatusBadRequest, false},
	XksProxyVpcEndpointServiceNotFoundException:             {http.StatusBadRequest, false},

	AccessDeniedException:               {http.StatusBadRequest, false},
	ExpiredTokenException:               {http.StatusBadRequest, false},
	IncompleteSignatureException:        {http.StatusBadRequest, false},
	InternalFailure:                     {http.StatusInternalServerError, true},
	InvalidClientTokenId:                {http.StatusBadRequest, false},
	InvalidSignatureException:           {http.StatusBadRequest, false},
	MalformedHttpRequestException:       {http.StatusBadRequest, false},
	MissingAuthenticationTokenException: {http.StatusBadRequest, false},
	NotAuthorized:                       {http.StatusUnauthorized, false},
	NotAuthorizedException:              {http.StatusBadRequest, false},
	OptInRequired:                       {http.StatusForbidden, false},
	RequestAbortedException:             {http.StatusBadRequest, false},
	RequestEntityTooLargeException:      {http.StatusRequestEntityTooLarge, false},
	RequestExpired:                      {http.StatusBadRequest, false},
	RequestTimeoutException:             {http.StatusRequestTimeout, true},
	SerializationException:              {http.StatusBadRequest, false},
	ServiceUnavailable:                  {http.StatusServiceUnavailable, true},
	ThrottlingException:                 {http.StatusBadRequest, true},
	UnknownOperationException:           {http.StatusBadRequest, false},
	UnrecognizedClientException:         {http.StatusBadRequest, false},
	ValidationException:                 {http.StatusBadRequest, false},
}
