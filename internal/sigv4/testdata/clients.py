"""Writes clients.json: requests as clients sign them, with botocore's signer and a fixed clock.

Run by hand, with botocore and curl installed: python3 clients.py > clients.json. The tests read only the output.
"""
import datetime
import hashlib
import http.server
import json
import subprocess
import threading

import botocore
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.session

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ=="
REGION = "eu-central-1"
NOW = datetime.datetime(2026, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW.replace(tzinfo=None) if remove_tzinfo else NOW
cases = []


class Recorder(http.server.BaseHTTPRequestHandler):
    """Records the request line, the headers in their order and the body."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = [self.raw_requestline.decode().rstrip()] + [f"{k}: {v}" for k, v in self.headers.items()]
        self.server.raw = "\r\n".join(head) + "\r\n\r\n" + body.decode()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}/"


def boto(name, operation, token=None, **parameters):
    client = botocore.session.get_session().create_client(
        "kms", region_name=REGION, endpoint_url=URL,
        config=botocore.config.Config(user_agent=f"Botocore/{botocore.__version__}"),
        aws_access_key_id=KEY, aws_secret_access_key=SECRET, aws_session_token=token)
    getattr(client, operation)(**parameters)
    cases.append({"name": name, "raw": server.raw})


def curl(name, *arguments):
    subprocess.run(["curl", "-s", "--aws-sigv4", f"aws:amz:{REGION}:kms", "--user", f"{KEY}:{SECRET}",
                    "-H", "Content-Type: application/x-amz-json-1.1", *arguments, URL], check=True, stdout=subprocess.DEVNULL)
    cases.append({"name": name, "raw": server.raw})


def style(name, form, headers, body="{}", target="/", unsigned=()):
    """A request with the headers of an SDK, signed by botocore, and the Authorization header in the SDK's form."""
    if "x-amz-content-sha256" in {h.lower() for h in headers}:
        headers = {h: hashlib.sha256(body.encode()).hexdigest() if v is None else v for h, v in headers.items()}
    blacklist = botocore.auth.SIGNED_HEADERS_BLACKLIST
    botocore.auth.SIGNED_HEADERS_BLACKLIST = [u.lower() for u in unsigned]
    host = "kms.eu-central-1.amazonaws.com"
    request = botocore.awsrequest.AWSRequest(method="POST", url=f"https://{host}{target}", data=body, headers=dict(headers))
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "kms", REGION)
    signer.add_auth(request)
    botocore.auth.SIGNED_HEADERS_BLACKLIST = blacklist
    parts = request.headers["Authorization"].split(" ", 1)[1].split(", ")
    lines = [f"POST {target} HTTP/1.1"]
    host_name = "host" if list(headers)[0].islower() else "Host"
    date_name = "x-amz-date" if list(headers)[0].islower() else "X-Amz-Date"
    auth_name = "authorization" if list(headers)[0].islower() else "Authorization"
    lines += [f"{host_name}: {host}", f"{date_name}: {request.headers['X-Amz-Date']}"]
    lines += [f"{k}: {v}" for k, v in headers.items()]
    lines.append(f"{auth_name}: AWS4-HMAC-SHA256 " + form(*parts))
    if "content-length" not in {h.lower() for h in headers}:
        lines.append(f"Content-Length: {len(body)}")
    cases.append({"name": name, "raw": "\r\n".join(lines) + "\r\n\r\n" + body})


JSON = "application/x-amz-json-1.1"
boto("botocore ListKeys", "list_keys", Limit=10)
boto("botocore with a session token", "describe_key", token=TOKEN, KeyId="alias/orders")
boto("botocore Encrypt", "encrypt", KeyId="alias/orders", Plaintext=b"\x00\xff", EncryptionContext={"tenant": "Gr\u00fc\u00dfe"})
curl("curl", "-H", "X-Amz-Target: TrentService.ListKeys", "-d", '{"Limit":10}')
curl("curl with a session token", "-H", "X-Amz-Target: TrentService.ListKeys", "-H", "X-Amz-Security-Token: " + TOKEN, "-d", "{}")
style("Go SDK v2", lambda c, h, s: f"{c}, {h}, {s}", {
    "User-Agent": "aws-sdk-go-v2/1.40.0 os/linux lang/go#1.26.0", "Content-Length": "2",
    "Amz-Sdk-Invocation-Id": "0d4a7a5c-1b2c-4f7a-8d8e-3f6b1f0c9b11", "Amz-Sdk-Request": "attempt=1; max=3",
    "Content-Type": JSON, "X-Amz-Target": "TrentService.ListKeys", "Accept-Encoding": "gzip",
}, unsigned=("User-Agent", "Accept-Encoding"))
style("JavaScript SDK v3", lambda c, h, s: f"{c}, {h}, {s}", {
    "content-type": JSON, "x-amz-target": "TrentService.ListKeys", "content-length": "2",
    "x-amz-user-agent": "aws-sdk-js/3.700.0 ua/2.1  os/linux", "user-agent": "aws-sdk-js/3.700.0",
    "amz-sdk-invocation-id": "8f7c2a90-6a15-4a3e-9f0f-2d6f9f4b7f10", "amz-sdk-request": "attempt=1; max=3",
    "x-amz-content-sha256": None, "connection": "keep-alive",
}, unsigned=("user-agent", "connection"))
style("Java SDK v1, which signs User-Agent", lambda c, h, s: f"{c}, {h}, {s}", {
    "User-Agent": "aws-sdk-java/1.12.780 Linux/6.1.0   OpenJDK/21.0.2", "Content-Type": JSON,
    "amz-sdk-invocation-id": "1f2e3d4c-5b6a-7988-9786-a5b4c3d2e1f0", "amz-sdk-request": "attempt=1;max=4",
    "X-Amz-Target": "TrentService.ListKeys", "Content-Length": "2", "Connection": "Keep-Alive",
}, unsigned=("Connection",))
style("no blanks after the commas", lambda c, h, s: f"{c},{h},{s}", {"Content-Type": JSON, "X-Amz-Target": "TrentService.ListKeys"})
style("parameters in another order", lambda c, h, s: f"{s}, {h},  {c}", {"Content-Type": JSON, "X-Amz-Target": "TrentService.ListKeys"})
style("a path that is encoded", lambda c, h, s: f"{c}, {h}, {s}", {"Content-Type": JSON}, target="/a%20b/%E1%88%B4/c+d~e")
style("a query", lambda c, h, s: f"{c}, {h}, {s}", {"Content-Type": JSON}, target="/?a=1&b=%2Fx%20y&c=")
print(json.dumps({"cases": cases}, indent=1))
