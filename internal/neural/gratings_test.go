package neural

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/npy"
)

// gratingsFolder is one session of two neurons: the first prefers 45°, the second is contaminated.
// 4 bins of 100 ms around the onset, 8 orientations in both directions, 2 repeats.
func gratingsFolder(t testing.TB) string {
	dir := t.TempDir()
	write(t, dir, "sessions.csv", "session,t_first,t_last\ns,-50,250\n")
	write(t, dir, "units.csv", "session,unit,contamination\ns,0,0.01\ns,1,0.2\n")
	conditions := "session,condition,contrast,angle_deg,angle_kind\n"
	var counts []uint8
	for range 2 {
		for c := range 16 {
			angle := 22.5 * float64(c)
			rate := 10 + 8*math.Cos(2*(angle-45)*math.Pi/180) // counts in 100 ms, exact enough as integers below
			for bin := range 4 {
				for range 2 {
					if bin == 0 {
						counts = append(counts, 1)
					} else {
						counts = append(counts, uint8(math.Round(rate)))
					}
				}
			}
		}
	}
	for c := range 16 {
		conditions += "s," + formatFloat(float64(c)) + ",100," + formatFloat(math.Floor(22.5*float64(c))) + ",direction\n"
	}
	write(t, dir, "conditions.csv", conditions)
	require.NoError(t, npy.WriteFile(filepath.Join(dir, "s.npy"), []int{2, 16, 4, 2}, counts))
	return dir
}

func TestReadGratings(t *testing.T) {
	dir := gratingsFolder(t)
	g := Gratings{From: 0, To: 300, BlankFrom: -100, MaxContamination: 0.05}
	got, left, err := ReadGratings(context.Background(), dir, "", g)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Len(t, got, 1, "the contaminated neuron is left out")
	n := got[0]
	require.Len(t, n.Curve, 8)
	require.InDelta(t, 10, n.Spontaneous, 1e-9)
	require.InDelta(t, 180, n.Curve[2], 1e-9)
	require.InDelta(t, 20, n.Curve[6], 1e-9)
	require.InDelta(t, 45, n.Preferred, 1)
	require.InDelta(t, 1-0.4, n.CircularVariance, 0.02, "1 - half of the modulation 8/10")
	require.InDelta(t, 2.0/18, n.OrthogonalPreferredRatio, 0.02)
	require.True(t, n.Responsive())

	got, _, err = ReadGratings(context.Background(), dir, "other", g)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestBadGratings(t *testing.T) {
	g := DefaultGratings()
	for says, spoil := range map[string]func(dir string){
		"no folder of recordings": func(dir string) { os.RemoveAll(dir) },
		"no such file":            func(dir string) { os.Remove(filepath.Join(dir, "units.csv")) },
		"no counts of session s":  func(dir string) { os.Remove(filepath.Join(dir, "s.npy")) },
		"is not a number":         func(dir string) { write(t, dir, "sessions.csv", "session,t_first,t_last\ns,x,250\n") },
		"no column":               func(dir string) { write(t, dir, "sessions.csv", "name\ns\n") },
		"says nothing of session": func(dir string) {
			write(t, dir, "conditions.csv", "session,condition,contrast,angle_deg,angle_kind\n")
		},
		"neurons × conditions": func(dir string) { write(t, dir, "units.csv", "session,unit,contamination\ns,0,0\n") },
	} {
		t.Run(says, func(t *testing.T) {
			dir := gratingsFolder(t)
			spoil(dir)
			_, _, err := ReadGratings(context.Background(), dir, "", g)
			require.ErrorContains(t, err, says)
		})
	}
	dir := gratingsFolder(t)
	write(t, dir, "conditions.csv", "session,condition,contrast,angle_deg,angle_kind\ns,0,100,0,orientation\ns,1,100,22.5,orientation\n")
	_, left, err := ReadGratings(context.Background(), dir, "", g)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
