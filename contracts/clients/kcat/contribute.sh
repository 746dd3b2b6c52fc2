#!/bin/sh
# Contributes through an organisation's inbox with kcat, and waits for a final receipt for each.
#
#   contribute.sh connection.json contributions.json
#
# Needs kcat and jq. Ends with 0 where each was accepted, 1 where one was refused, 2 where one has no
# answer yet; send those again as they are.
set -eu
connection=$1 file=$2
tries=300 # looks for receipts, a second apart

of() { jq -r --arg name "$1" '.[$name] // ""' "$connection"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/open"
cat "$file" >"$work/given"
jq -c 'if type == "array" then .[] else . end' "$work/given" >"$work/each"

# In a file that nobody else reads: whoever is on this machine sees the arguments of a command.
{
  echo "bootstrap.servers=$(of bootstrap)"
  if [ -n "$(of ca)" ]; then echo "ssl.ca.location=$(of ca)"; fi
  if [ -n "$(of certificate)" ]; then # the file has the key too
    echo "security.protocol=SSL"
    echo "ssl.certificate.location=$(of certificate)"
    echo "ssl.key.location=$(of certificate)"
  elif [ -n "$(of username)" ]; then # librdkafka 2.6.1 or newer: an older one logs in to no Kafka 4
    echo "security.protocol=SASL_SSL"
    echo "sasl.mechanism=SCRAM-SHA-512"
    echo "sasl.username=$(of username)"
    echo "sasl.password=$(of password)"
  fi
} >"$work/config"
inbox=$(of inbox) receipts=$(of receipts) org=$(of org)

# A file is one message. librdkafka has another partitioner than Kafka, so it is told which.
send() {
  body=$1
  kcat -P -q -F "$work/config" -t "$inbox" -X topic.partitioner=murmur2_random -X topic.acks=all -X enable.idempotence=true \
    -k "$(jq -r .plan_id "$body")" -H content-type=application/json -H ce_specversion=1.0 \
    -H "ce_id=$(jq -r .contribution_id "$body")" -H "ce_source=urn:careplan:org:$org" \
    -H "ce_type=$(jq -r .command "$body")" "$body" || unanswered
}

unanswered() {
  echo "not everything was answered; send it again as it is" >&2
  exit 2
}

since=$(($(date +%s) - 60))000 # from before anything is sent, also where the broker's clock is behind
while read -r line; do
  id=$(printf %s "$line" | jq -r .contribution_id)
  printf %s "$line" >"$work/open/$id"
  send "$work/open/$id"
done <"$work/each"

status=0
: >"$work/seen"
while [ -n "$(ls "$work/open")" ] && [ "$tries" -gt 0 ]; do
  kcat -C -q -F "$work/config" -t "$receipts" -o "s@$since" -e -f '%p.%o %s\n' >"$work/read" || unanswered
  while read -r place receipt; do
    id=$(printf %s "$receipt" | jq -r .contribution_id)
    # Whoever else of the organisation contributes has receipts here too.
    if [ ! -f "$work/open/$id" ] || grep -qx "$place" "$work/seen"; then continue; fi
    echo "$place" >>"$work/seen"
    if [ "$(printf %s "$receipt" | jq -r '.retryable // false')" = true ]; then
      send "$work/open/$id"
      continue
    fi
    printf '%s\n' "$receipt"
    rm "$work/open/$id"
    if [ "$(printf %s "$receipt" | jq -r .outcome)" != accepted ]; then status=1; fi
  done <"$work/read"
  tries=$((tries - 1))
  sleep 1
done
if [ -n "$(ls "$work/open")" ]; then unanswered; fi
exit "$status"
