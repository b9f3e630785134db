"""Makes a user with a key, and a bucket with the files of a folder; prints the key."""

import json
import pathlib
import sys

import boto3

endpoint, folder = sys.argv[1], pathlib.Path(sys.argv[2])
anybody = {"endpoint_url": endpoint, "region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

iam = boto3.client("iam", **anybody)
iam.create_user(UserName="loader")
iam.put_user_policy(UserName="loader", PolicyName="everything", PolicyDocument=json.dumps(everything))
key = iam.create_access_key(UserName="loader")["AccessKey"]

# From here on moto checks signatures.
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id=key["AccessKeyId"],
    aws_secret_access_key=key["SecretAccessKey"],
)
s3.create_bucket(Bucket="sql-tests")
for path in sorted(folder.rglob("*")):
    if path.is_file():
        # moto cannot check the signature of a listing whose prefix has a slash: keys without.
        s3.upload_file(str(path), "sql-tests", path.relative_to(folder).as_posix().replace("/", "-"))
print(key["AccessKeyId"], key["SecretAccessKey"])
