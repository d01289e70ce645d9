#!/usr/bin/env bash
# Runs riffle's pipeline on an activation dump and waits for it. Safe to run again: work that is done is not repeated,
# and a run that goes on is joined.
#
#   after-dump.sh PIPELINE.json [SUMMARY.md]
#
# PIPELINE.json is the input of the workflow. Links and counts, or the reason of a failure, are appended to SUMMARY.md
# [$GITHUB_STEP_SUMMARY, else summary.md]. The result is printed on stdout, as JSON; progress goes to stderr, and
# when something fails its last line is the reason.
#
# Exit codes: 0 done; 2 refused before any data was moved; 1 failed later; 124 not done in time, the workflow goes on.
#
# RIFFLE   how to call riffle [npx riffle]
# LIMIT    how long to wait [5h]
set -uo pipefail

input=${1:?usage: after-dump.sh PIPELINE.json [SUMMARY.md]}
summary=${2:-${GITHUB_STEP_SUMMARY:-summary.md}}
read -r -a riffle <<<"${RIFFLE:-npx riffle}"
limit=${LIMIT:-5h}

# Where to look comes first: it is there even if this script is stopped.
started=$("${riffle[@]}" start pipeline --input "$input" --json) || exit
node - "$started" >>"$summary" <<'END'
const { workflowId, page } = JSON.parse(process.argv[2]);
console.log(`### riffle\n\nWorkflow ${page ? `[${workflowId}](${page})` : `\`${workflowId}\``}\n`);
END

result=$(timeout "$limit" "${riffle[@]}" start pipeline --input "$input" --wait --json)
code=$?
if [ "$code" -eq 124 ]; then
  echo "Not done after $limit. The workflow goes on: run this again to wait for it." | tee -a "$summary" >&2
  exit "$code"
fi

echo "$result"
node - "$result" >>"$summary" <<'END'
const { error, rows, shards, links, shuffle, visualize } = JSON.parse(process.argv[2]);
if (error) {
  console.log(`**Failed** (${error.code}): ${error.message}`);
} else {
  console.log(`${rows} rows in ${shards} shards\n`);
  if (shuffle) console.log(`- shuffled: ${links.shuffle} (${shuffle.shards} shards)`);
  if (visualize) {
    const { features, alive, dense, dead } = visualize;
    console.log(`- features: ${links.visualize} (${features}: ${alive} alive, ${dense} dense, ${dead} dead)`);
    for (const warning of visualize.warnings) console.log(`  - ${warning}`);
  }
}
END
exit "$code"
