#!/usr/bin/env bash
# Boots this machine's own systemd in a container, on a throw-away copy of its root (nothing written there outlives the container), and runs $3/guest.sh in it.
# Wants: $1 the checkout, $2 the built programs, $3 a folder that both sides see. Called under `unshare --mount`.
set -euo pipefail
checkout=$1 programs=$2 stage=$3

mount --make-rprivate /
mkdir -p "$stage/layers"
mount -t tmpfs -o size=512m tmpfs "$stage/layers"
mkdir "$stage/layers/upper" "$stage/layers/work" "$stage/layers/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$stage/layers/upper,workdir=$stage/layers/work" "$stage/layers/root"
root=$stage/layers/root

mkdir -p "$root/stage" "$root/opt/bristlecone/dist/bin" "$root/opt/bristlecone/node_modules" "$root/opt/bristlecone/deploy"
cp "$checkout/package.json" "$root/opt/bristlecone/"
# Copied: where they come from, only who made them may look.
cp "$programs"/*.js "$root/opt/bristlecone/dist/bin/"
chmod 755 "$root/opt/bristlecone/dist/bin/main.js"
ln -sf /opt/bristlecone/dist/bin/main.js "$root/usr/local/bin/bristlecone"
cat > "$root/etc/systemd/system/guest.service" << 'UNIT'
[Unit]
Requires=dbus.socket
After=basic.target dbus.socket
[Service]
Type=oneshot
ExecStart=/bin/bash /stage/guest.sh
ExecStopPost=/bin/systemctl poweroff --force --force
UNIT

exec systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --console=pipe \
  --bind="$stage:/stage" --bind-ro="$checkout/node_modules:/opt/bristlecone/node_modules" \
  --bind-ro="$checkout/deploy:/opt/bristlecone/deploy" --boot systemd.unit=guest.service
