"""botocore, on which boto3 and the AWS CLI stand, against the server that the environment names.

Go starts it: see botocore_test.go in the directory above. It keeps to what the oldest botocore knows that distributions still have (1.29), which
does not read endpoints from the environment.
"""

import contextlib
import datetime
import json
import os
import sys
import types
import unittest
from unittest import mock

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

CONTEXT = {"Tenant": "42", "Zweck": "Rechnung für März", "键": "🗝"}


def client(service="kms", retries=None, **credentials):
    """A client of the service, with the credentials of the environment unless others are named."""
    return botocore.session.Session().create_client(
        service,
        region_name=os.environ["AWS_REGION"],
        endpoint_url=os.environ["AWS_ENDPOINT_URL_" + service.upper()],
        config=Config(retries=retries or {"max_attempts": 0}),
        **credentials,
    )


@contextlib.contextmanager
def clock(off):
    """botocore's clock, off by so many seconds. Versions differ in how they read it, and some leave signing to the CRT."""
    off, true = datetime.timedelta(seconds=off), datetime.datetime
    wrong = types.SimpleNamespace(utcnow=lambda: true.utcnow() + off, strptime=true.strptime)
    wrong = types.SimpleNamespace(datetime=wrong, timedelta=datetime.timedelta, timezone=datetime.timezone)
    with contextlib.ExitStack() as patches:
        for module in filter(None, map(sys.modules.get, ("botocore.auth", "botocore.crt.auth"))):
            now = getattr(module, "get_current_datetime", None)
            if now:
                patches.enter_context(mock.patch.object(module, "get_current_datetime", lambda *a, now=now, **k: now(*a, **k) + off))
            else:
                patches.enter_context(mock.patch.object(module, "datetime", wrong))
        yield


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kms = client()

    def new_key(self, **members):
        return self.kms.create_key(**members)["KeyMetadata"]

    def refused(self, code, call, *args, **members):
        """The message of the error that the call ends with, which must have the code."""
        with self.assertRaises(ClientError) as caught:
            call(*args, **members)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]


class Keys(Case):
    def test_a_key_is_what_was_asked_for(self):
        description = "Schlüssel für März 🗝, 订单"
        key = self.new_key(Description=description, Tags=[{"TagKey": "Größe", "TagValue": "groß"}])
        self.assertEqual((key["Description"], key["KeyState"], key["KeySpec"]), (description, "Enabled", "SYMMETRIC_DEFAULT"))
        age = datetime.datetime.now(datetime.timezone.utc) - key["CreationDate"]
        self.assertLess(abs(age), datetime.timedelta(hours=1))
        answer = self.kms.describe_key(KeyId=key["Arn"])
        self.assertEqual(answer["KeyMetadata"], key)
        about = answer["ResponseMetadata"]
        self.assertEqual((about["HTTPStatusCode"], about["RetryAttempts"]), (200, 0))
        self.assertRegex(about["RequestId"], "^[0-9a-f-]{36}$")
        self.assertEqual(self.kms.list_resource_tags(KeyId=key["KeyId"])["Tags"], [{"TagKey": "Größe", "TagValue": "groß"}])
        self.assertIn("'alias/Schlüssel' at 'aliasName'",
                      self.refused("ValidationException", self.kms.create_alias, AliasName="alias/Schlüssel", TargetKeyId=key["KeyId"]))

    def test_a_policy_comes_back_to_the_octet(self):
        key = self.new_key()["KeyId"]
        policy = json.loads(self.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        policy["Statement"][0]["Sid"] = "all"
        text = json.dumps(policy, indent=3)
        self.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text)
        self.assertEqual(self.kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"], text)
        with self.assertRaises(self.kms.exceptions.MalformedPolicyDocumentException):
            self.kms.put_key_policy(KeyId=key, PolicyName="default", Policy="{")

    def test_paginators_find_everything_once(self):
        keys = {self.new_key()["KeyId"] for _ in range(3)}
        pages = [page["Keys"] for page in self.kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})]
        found = [key["KeyId"] for page in pages for key in page]
        self.assertEqual(len(set(found)), len(found))
        self.assertLessEqual(keys, set(found))
        self.assertLessEqual(max(map(len, pages)), 2)
        key = keys.pop()
        names = ["alias/%s-%d" % (key, n) for n in range(5)]
        for name in names:
            self.kms.create_alias(AliasName=name, TargetKeyId=key)
        pages = self.kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"PageSize": 2})
        self.assertEqual(sorted(alias["AliasName"] for page in pages for alias in page["Aliases"]), names)
        some = self.kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"PageSize": 2, "MaxItems": 3})
        first = some.build_full_result()
        rest = self.kms.get_paginator("list_aliases").paginate(KeyId=key, PaginationConfig={"StartingToken": first["NextToken"]})
        both = first["Aliases"] + rest.build_full_result()["Aliases"]
        self.assertEqual((len(first["Aliases"]), sorted(alias["AliasName"] for alias in both)), (3, names))


class Secrets(Case):
    def test_what_is_encrypted_opens_in_its_context_alone(self):
        key = self.new_key()["Arn"]
        sealed = self.kms.encrypt(KeyId=key, Plaintext="für März".encode(), EncryptionContext=CONTEXT)
        self.assertEqual(sealed["KeyId"], key)
        blob = sealed["CiphertextBlob"]
        opened = self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(CONTEXT.items())))
        self.assertEqual((opened["Plaintext"].decode(), opened["KeyId"]), ("für März", key))
        invalid = self.kms.exceptions.InvalidCiphertextException
        for name, blob, context in (
            ("no context", blob, {}),
            ("another context", blob, {**CONTEXT, "Tenant": "43"}),
            ("damaged", blob[:-1] + bytes([blob[-1] ^ 1]), CONTEXT),
            ("cut short", blob[:-1], CONTEXT),
        ):
            with self.subTest(name), self.assertRaises(invalid) as caught:
                self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
            self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 400)

    def test_a_data_key_opens_again(self):
        key = self.new_key()["Arn"]
        made = self.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
        self.assertEqual(len(made["Plaintext"]), 32)
        opened = self.kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT, KeyId=key)
        self.assertEqual(opened["Plaintext"], made["Plaintext"])
        self.assertNotIn("Plaintext", self.kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64))

    def test_errors_are_the_classes_that_botocore_has_for_them(self):
        e, key = self.kms.exceptions, self.new_key()["KeyId"]
        with self.assertRaises(e.NotFoundException) as caught:
            self.kms.describe_key(KeyId="alias/nobody")
        self.assertRegex(str(caught.exception), "^An error occurred .NotFoundException. when calling the DescribeKey operation: Alias arn:aws:kms:.*:alias/nobody is not found[.]$")
        alias = {"AliasName": "alias/twice-" + key, "TargetKeyId": key}
        self.kms.create_alias(**alias)
        with self.assertRaises(e.AlreadyExistsException):
            self.kms.create_alias(**alias)
        self.kms.disable_key(KeyId=key)
        with self.assertRaises(e.DisabledException):
            self.kms.encrypt(KeyId=key, Plaintext=b"x")
        due = self.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["DeletionDate"]
        self.assertGreater(due, datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=6))
        with self.assertRaises(e.KMSInvalidStateException):
            self.kms.enable_key(KeyId=key)


class Callers(Case):
    @staticmethod
    def session():
        """A session of the role that Go made, which may do nothing with a key but list them, and its client."""
        answer = client("sts").assume_role(RoleArn=os.environ["TEST_ROLE"], RoleSessionName="shift")
        got = answer["Credentials"]
        return answer, client(aws_access_key_id=got["AccessKeyId"], aws_secret_access_key=got["SecretAccessKey"], aws_session_token=got["SessionToken"])

    def test_a_role_is_assumed(self):
        answer, night = self.session()
        self.assertGreater(answer["Credentials"]["Expiration"], datetime.datetime.now(datetime.timezone.utc))
        self.assertRegex(answer["AssumedRoleUser"]["Arn"], "^arn:aws:sts::[0-9]{12}:assumed-role/night/shift$")
        night.list_keys(Limit=1)
        self.assertIn("User: %s is not authorized to perform: kms:CreateKey" % answer["AssumedRoleUser"]["Arn"], self.refused("AccessDeniedException", night.create_key))
        self.refused("AccessDenied", client("sts").assume_role, RoleArn=os.environ["TEST_ROLE"] + "-absent", RoleSessionName="shift")

    def test_a_grant_lets_it_work_until_it_ends(self):
        key, (_, night) = self.new_key()["Arn"], self.session()
        self.refused("AccessDeniedException", night.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)
        grant = self.kms.create_grant(KeyId=key, GranteePrincipal=os.environ["TEST_ROLE"], Operations=["Encrypt", "RetireGrant"],
                                      Constraints={"EncryptionContextSubset": CONTEXT})
        self.assertRegex(grant["GrantId"], "^[0-9a-f]{64}$")
        token = [grant["GrantToken"]]
        night.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={**CONTEXT, "more": ""}, GrantTokens=token)
        self.refused("AccessDeniedException", night.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=token)
        pages = self.kms.get_paginator("list_grants").paginate(KeyId=key)
        self.assertEqual([g["Constraints"] for page in pages for g in page["Grants"]], [{"EncryptionContextSubset": CONTEXT}])
        night.retire_grant(GrantToken=grant["GrantToken"])
        self.refused("AccessDeniedException", night.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT, GrantTokens=token)
        with self.assertRaises(self.kms.exceptions.InvalidGrantTokenException):
            self.kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["x"])

    def test_who_signs_wrongly_is_not_let_in(self):
        wrong = client(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
        self.assertRegex(self.refused("InvalidSignatureException", wrong.list_keys), "^The request signature we calculated does not match")
        nobody = client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="wrong")
        self.refused("UnrecognizedClientException", nobody.list_keys)
        for off, says in (-3600, "^Signature expired: "), (3600, "^Signature not yet current: "):
            with self.subTest(off), clock(off):
                self.assertRegex(self.refused("InvalidSignatureException", self.kms.list_keys), says)


class Throttled(Case):
    """Runs by itself, on a server that lets nobody in more than once a second."""

    def test_a_client_that_is_told_to_wait_comes_again(self):
        patient = client(retries={"mode": "standard", "total_max_attempts": 20})
        told = retries = 0
        for _ in range(50):
            try:
                self.kms.generate_random(NumberOfBytes=8)
            except ClientError as e:
                self.assertEqual(e.response["Error"]["Code"], "ThrottlingException")
                told += 1
                answer = patient.generate_random(NumberOfBytes=8)
                self.assertEqual(len(answer["Plaintext"]), 8)
                retries += answer["ResponseMetadata"]["RetryAttempts"]
            if told and retries:
                return
        self.fail("%d calls were throttled, and %d tried again" % (told, retries))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
