#!/usr/bin/env bash
# Shows what gatewright says about one bad rollout and its healthy twin, then tells one run.
# Used by `make demo`. Usage: demo.sh [PATH OF GATEWRIGHT]
set -euo pipefail

gatewright=$(command -v "${1:-gatewright}")
gatewright=$(realpath "$gatewright")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

recording=../shared/data/azure-llm-2023/conv_first40min.csv.gz
if [[ -f $recording ]]; then
  world=scenarios/catalog/cost_regression_azure.yaml
  echo "The world is recorded: arrivals and token counts of a public LLM service ($recording)."
else
  world=scenarios/catalog/cost_regression_chat.yaml
  echo "The world is synthetic: a profile fitted on a public recording, since $recording is not here."
fi
echo "The candidate costs 25% more per request. What would the rollout have done, 400 times over?"
echo
"$gatewright" run "$world"
echo
echo "One of these rollouts:"
echo
"$gatewright" explain "$world" --find halted
