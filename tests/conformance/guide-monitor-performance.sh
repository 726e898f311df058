#!/bin/bash
# Real-time performance monitoring script

INTERVAL=${1:-30}  # Default 30 seconds
DURATION=${2:-3600}  # Default 1 hour

echo "Starting real-time performance monitoring..."
echo "Interval: ${INTERVAL}s, Duration: ${DURATION}s"

START_TIME=$(date +%s)
while [ $(($(date +%s) - START_TIME)) -lt $DURATION ]; do
    # Collect metrics
    TIMESTAMP=$(date '+%Y-%m-%d %H:%M:%S')

    # Get current performance metrics
    METRICS=$(./scripts/measure-perf-cost.sh --endpoint chat/stream --samples 5 --quick)

    # Extract key metrics
    P95_LATENCY=$(echo "$METRICS" | jq -r '.latency.p95')
    MEAN_TOKENS=$(echo "$METRICS" | jq -r '.tokens.total')
    QUALITY_SCORE=$(echo "$METRICS" | jq -r '.quality.score // "N/A"')
    CACHE_HIT_RATE=$(echo "$METRICS" | jq -r '.cache.hitRate // 0')

    # Display metrics
    printf "[%s] P95: %dms | Tokens: %d | Quality: %s%% | Cache: %d%%\n" \
        "$TIMESTAMP" \
        "${P95_LATENCY%.*}" \
        "${MEAN_TOKENS%.*}" \
        "$QUALITY_SCORE" \
        "$((CACHE_HIT_RATE * 100))"

    # Check thresholds and alert if needed
    if (( $(echo "$P95_LATENCY > 2000" | bc -l) )); then
        echo "⚠️  ALERT: P95 latency above threshold (${P95_LATENCY}ms > 2000ms)"
    fi

    if (( $(echo "$QUALITY_SCORE < 80" | bc -l) )); then
        echo "⚠️  ALERT: Quality below threshold (${QUALITY_SCORE}% < 80%)"
    fi

    sleep "$INTERVAL"
done
