#!/bin/sh
# Makes the bucket and the service's own account. The secrets come in the environment, not in arguments that `ps` shows.
set -eu

export MC_HOST_store="http://$MINIO_ROOT_USER:$MINIO_ROOT_PASSWORD@minio:9000"
mc mb --ignore-existing "store/$S3_BUCKET"
mc admin policy create store one-bucket /setup/policy.json
printf '%s\n%s\n' "$S3_ACCESS_KEY" "$S3_SECRET_KEY" | mc admin user add store

# Attaching what is attached already is an error, and no fault.
if ! mc admin policy attach store one-bucket --user "$S3_ACCESS_KEY"; then
    case $(mc admin policy entities store --user "$S3_ACCESS_KEY") in
        *one-bucket*) ;;
        *) exit 1 ;;
    esac
fi
