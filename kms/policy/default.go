package policy

import "fmt"

// Default is the document that a key gets when none is given: it leaves every decision to the account. The text is
// AWS's own, to the octet, because tools compare it (AWS KMS Developer Guide, "Default key policy"). An empty partition
// means "aws".
func Default(partition, account string) string {
	return fmt.Sprintf(defaultDocument, orAWS(partition), account)
}

const defaultDocument = `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:%s:iam::%s:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`

// ServiceDefault is the document of a key that the server itself manages for a service: the account may use it and look
// at it, as far as its identity policies allow, and change nothing about it (AWS KMS Developer Guide, "AWS managed
// keys"). An empty partition means "aws".
func ServiceDefault(partition, account string) string {
	return fmt.Sprintf(serviceDocument, orAWS(partition), account)
}

const serviceDocument = `{
  "Version" : "2012-10-17",
  "Id" : "key-service-1",
  "Statement" : [ {
    "Sid" : "Enable use by IAM policies",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:%s:iam::%s:root"
    },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:Get*", "kms:List*", "kms:CreateGrant", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`

func orAWS(partition string) string {
	if partition == "" {
		return "aws"
	}
	return partition
}
