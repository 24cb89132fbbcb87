"""Creates, connects, renames, disconnects and deletes a key store with stock boto3. Arguments: name, cluster, anchor."""
import sys
import time

import boto3

name, cluster, anchor = sys.argv[1:4]
kms = boto3.client("kms")


def until(store, wanted):
    for _ in range(600):
        found = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]
        if found["ConnectionState"] == wanted:
            return found
        time.sleep(0.1)
    raise SystemExit(f"never {wanted}: {found}")


store = kms.create_custom_key_store(
    CustomKeyStoreName=name,
    CloudHsmClusterId=cluster,
    TrustAnchorCertificate=anchor,
    KeyStorePassword="kmsPswd1",
)["CustomKeyStoreId"]
try:
    kms.create_custom_key_store(CustomKeyStoreName=name)
    raise SystemExit("a Create without its members was accepted")
except kms.exceptions.ClientError as error:
    print("create:", error.response["Error"]["Code"])
kms.connect_custom_key_store(CustomKeyStoreId=store)
until(store, "CONNECTED")
try:
    kms.delete_custom_key_store(CustomKeyStoreId=store)
    raise SystemExit("a connected store was deleted")
except kms.exceptions.CustomKeyStoreInvalidStateException as error:
    print("delete:", error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
kms.update_custom_key_store(CustomKeyStoreId=store, NewCustomKeyStoreName=name + " renamed")
kms.disconnect_custom_key_store(CustomKeyStoreId=store)
found = until(store, "DISCONNECTED")
print("name:", found["CustomKeyStoreName"])
pages = kms.get_paginator("describe_custom_key_stores").paginate(PaginationConfig={"PageSize": 1})
print("stores:", sum(len(page["CustomKeyStores"]) for page in pages))
kms.delete_custom_key_store(CustomKeyStoreId=store)
try:
    kms.describe_custom_key_stores(CustomKeyStoreId=store)
except kms.exceptions.CustomKeyStoreNotFoundException as error:
    print("describe:", error.response["Error"]["Code"])
