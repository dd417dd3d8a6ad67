package battery

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"striate/analysis/stimulus"
	"striate/analysis/v1score"
	"striate/internal/fault"
)

// spare is what the process takes beside responses: the network, the program, rendered images.
const spare = 300 << 20

// mapBytes is what the receptive-field maps of so many units take.
func mapBytes(units int) int64 {
	return int64(units) * (4*(int64(v1score.Positions)+int64(side)+2) + 16)
}

// setBytes is what the responses of so many units to the largest set take, with the properties.
func setBytes(units int) int64 {
	const properties = 32
	return int64(units) * (4*int64(stimulus.SetLen(stimulus.SizeSet)+chunkImages) + 8*properties)
}

// preflight refuses a run whose receptive-field maps cannot fit, before any work.
func (r *run) preflight(units int) error {
	need, have := mapBytes(units)+3*batchBytes+spare, r.allowed()
	if need > have {
		return fault.Unavailablef("the receptive-field maps of %d units need about %d MiB, but %d MiB are there: draw some of the units with --units (the maps of %d would fit)",
			units, need>>20, have>>20, fitting(have))
	}
	return nil
}

// preflightMeasured refuses, once it is known how many units look at the stimuli, what cannot fit.
func (r *run) preflightMeasured(mapped, units int) error {
	need, have := mapBytes(mapped)+setBytes(units)+3*batchBytes+spare, r.allowed()
	r.estimate = need
	if need > have {
		return fault.Unavailablef("%d of %d units look at the stimuli: their responses need about %d MiB, but %d MiB are there: draw some of the units with --units",
			units, mapped, need>>20, have>>20)
	}
	return nil
}

// fitting is how many units' maps fit.
func fitting(have int64) int64 { return max(0, (have-3*batchBytes-spare)/mapBytes(1)) }

// allowed is how much memory the run may take.
func (r *run) allowed() int64 {
	if r.Memory > 0 {
		return r.Memory
	}
	return available()
}

// available is the memory that the machine has free, or 8 GiB where it does not say.
func available() int64 {
	const unknown = 8 << 30
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return unknown
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 && fields[0] == "MemAvailable:" {
			if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return unknown
}
