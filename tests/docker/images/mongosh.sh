#!/usr/bin/env bash
# Only for health checks.
exec 3<>/dev/tcp/127.0.0.1/27017 && echo 1
