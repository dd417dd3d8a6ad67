package corruption

import (
	"archive/zip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"math/cmplx"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/stat"

	"striate/internal/picture"
	"striate/internal/sharedtest"
)

// reference holds the statistics of 200 runs of the generating program.
type reference struct {
	N        int       `json:"n"`
	RMSEMean float64   `json:"rmse_mean"`
	RMSEStd  float64   `json:"rmse_std"`
	Hist     []float64 `json:"hist16"`
	MeanStd  float64   `json:"mean_std_map"`
	Slope    float64   `json:"resid_slope"`
}

// TestStatistics runs the random corruptions on their own generator and compares with the
// generating program: a t value for every sample, the size of the change, its spectrum, the
// histogram and the spread. The gates leave room for what 200 runs vary by; a true swap in
// glass_blur, or rounding for truncation, fails them by far.
func TestStatistics(t *testing.T) {
	if testing.Short() {
		t.Skip("200 runs of each corruption")
	}
	const runs = 200
	b := TinyImageNetC()
	for _, k := range kits(t) {
		data, err := os.ReadFile(k.path("stats", "stats.json"))
		require.NoError(t, err)
		var refs map[string]reference
		require.NoError(t, json.Unmarshal(data, &refs))
		ws := NewWorkspace(64)
		ws.SetFrost(shrunkFrost(t))
		for key, ref := range refs {
			parts := strings.Split(key, "/")
			stem := strings.Join(parts, "_")
			meanFile := k.path("stats", stem+"_mean.npy.gz")
			if _, err := os.Stat(meanFile); err != nil {
				continue
			}
			t.Run(k.name+"/"+key, func(t *testing.T) {
				m := observe(ws, b.Lookup(parts[1]), int(parts[2][0]-'0'), k.clean(t, parts[0]), runs)
				m.compare(t, ref, readFloats(t, meanFile), readFloats(t, k.path("stats", stem+"_std.npy.gz")))
			})
		}
	}
}

// observed are the statistics of some runs.
type observed struct {
	runs      int
	mean, std []float64
	rmse      []float64
	hist      [16]float64
	slope     float64
}

func observe(ws *Workspace, c *Corruption, severity int, img []uint8, runs int) *observed {
	o := &observed{runs: runs, mean: make([]float64, len(img)), std: make([]float64, len(img))}
	out, sq := make([]uint8, len(img)), make([]float64, len(img))
	var power [33]float64
	for run := range runs {
		c.Apply(ws, out, img, severity, NewRandom(uint64(run), c.Name, severity, img))
		sum := 0.0
		for i, v := range out {
			f := float64(v)
			o.mean[i] += f
			sq[i] += f * f
			d := f - float64(img[i])
			sum += d * d
			o.hist[v>>4] += 1 / float64(len(img)*runs)
		}
		o.rmse = append(o.rmse, math.Sqrt(sum/float64(len(img))))
		for ch := range 3 {
			addPower(&power, out, img, ch)
		}
	}
	n := float64(runs)
	for i := range o.mean {
		o.mean[i] /= n
		o.std[i] = math.Sqrt(max(0, (sq[i]-n*o.mean[i]*o.mean[i])/(n-1)))
	}
	var x, y []float64
	for r := 1; r <= 31; r++ {
		x, y = append(x, math.Log10(float64(r))), append(y, math.Log10(power[r]))
	}
	_, o.slope = stat.LinearRegression(x, y, nil, false)
	return o
}

// addPower adds the radial mean of the power spectrum of the change of one channel.
func addPower(power *[33]float64, out, img []uint8, channel int) {
	const n = 64
	fft := fourier.NewCmplxFFT(n)
	var plane [n * n]complex128
	for i := range plane {
		plane[i] = complex(float64(out[3*i+channel])-float64(img[3*i+channel]), 0)
	}
	for y := range n {
		fft.Coefficients(plane[y*n:(y+1)*n], plane[y*n:(y+1)*n])
	}
	col := make([]complex128, n)
	var sum, count [64]float64
	for x := range n {
		for y := range n {
			col[y] = plane[y*n+x]
		}
		fft.Coefficients(col, col)
		for y, v := range col {
			fy, fx := float64((y+n/2)%n-n/2), float64((x+n/2)%n-n/2)
			r := int(math.RoundToEven(math.Hypot(fy, fx)))
			a := cmplx.Abs(v)
			sum[r] += a * a / (n * n)
			count[r]++
		}
	}
	for r := range power {
		power[r] += sum[r] / count[r]
	}
}

func (o *observed) compare(t *testing.T, ref reference, mean, std []float64) {
	far := 0
	for i := range mean {
		se := math.Sqrt(std[i]*std[i]/float64(ref.N) + o.std[i]*o.std[i]/float64(o.runs) + 0.03*0.03)
		if math.Abs(o.mean[i]-mean[i])/se > 4 {
			far++
		}
	}
	share := float64(far) / float64(len(mean))
	require.LessOrEqual(t, share, 0.003, "share of samples with |t| > 4")

	got := stat.Mean(o.rmse, nil)
	z := (got - ref.RMSEMean) / (ref.RMSEStd * math.Sqrt(1/float64(ref.N)+1/float64(o.runs)))
	require.LessOrEqual(t, math.Abs(z), 4.0, "RMSE %v, want %v", got, ref.RMSEMean)
	require.InDelta(t, ref.Slope, o.slope, 0.08, "slope of the spectrum of the change")

	distance := 0.0
	for i, h := range ref.Hist {
		distance += math.Abs(h - o.hist[i])
	}
	require.LessOrEqual(t, distance, 0.05, "histogram")
	ratio := stat.Mean(o.std, nil) / ref.MeanStd
	require.Truef(t, 0.85 <= ratio && ratio <= 1.15, "spread over runs: ratio %v", ratio)
	t.Logf("share %.4f z %.2f slope %+.3f histogram %.4f spread %.3f", share, z, o.slope-ref.Slope, distance, ratio)
}

// TestOnPhotographs compares the mean size of the change over 32 photographs with a table made by
// the generating program. The fixed corruptions agree to the table's last digit, the random ones
// within four standard errors.
func TestOnPhotographs(t *testing.T) {
	archive, err := zip.OpenReader(sharedtest.Path(t, "data/tinyimagenet_c_reference/tinyc_reference_32img.zip"))
	require.NoError(t, err)
	defer archive.Close()
	var clean [][]uint8
	for _, f := range archive.File {
		if !strings.HasPrefix(f.Name, "clean/") || f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		m, err := picture.Decode(data, picture.Limits{})
		require.NoError(t, err)
		clean = append(clean, m.Pix)
	}
	require.Len(t, clean, 32)
	table, err := os.Open(sharedtest.Path(t, "data/tinyimagenet_c_reference/stats_before_jpeg.csv"))
	require.NoError(t, err)
	defer table.Close()
	rows, err := csv.NewReader(table).ReadAll()
	require.NoError(t, err)

	b := TinyImageNetC()
	ws := NewWorkspace(64)
	ws.SetFrost(shrunkFrost(t))
	out := make([]uint8, 64*64*3)
	for _, row := range rows[1:] {
		c, severity := b.Lookup(row[0]), int(row[1][0]-'0')
		want, err := strconv.ParseFloat(row[2], 64)
		require.NoError(t, err)
		var rmse []float64
		for _, img := range clean {
			c.Apply(ws, out, img, severity, NewRandom(1, c.Name, severity, img))
			sum := 0.0
			for i, v := range out {
				d := float64(v) - float64(img[i])
				sum += d * d
			}
			rmse = append(rmse, math.Sqrt(sum/float64(len(img))))
		}
		mean, sd := stat.MeanStdDev(rmse, nil)
		tolerance := 0.0015
		if c.Random {
			tolerance += 4 * math.Sqrt2 * sd / math.Sqrt(float64(len(rmse)))
		}
		require.InDelta(t, want, mean, tolerance, "%s severity %d", c.Name, severity)
	}
}
