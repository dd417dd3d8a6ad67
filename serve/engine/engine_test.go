package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"striate/export/onnx"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/ortlib"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testEngine opens an engine on the CPU and closes it at the end. Without ONNX Runtime the test is
// skipped: `make setup` fetches it, and `make test` depends on that.
func testEngine(t testing.TB, config Config) *Engine {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
	if config.Device == "" {
		config.Device = "cpu"
	}
	e, err := New(config)
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

// ramp is a small network: out1 = 2·image + channel, out2 = relu(out1 − 3), ids = int64(out2),
// mean over the plane, and a constant k. Shapes of inner tensors are left for the runtime to infer.
func ramp(t testing.TB, batch any) *Model {
	b := onnx.NewBuilder("ramp", 17)
	x := b.Input("image", onnx.Float32, onnx.Shape(batch, 3, 4, 5))
	two := b.Constant(onnx.Float32Tensor("two", nil, []float32{2}))
	channel := b.Constant(onnx.Float32Tensor("channel", []int64{3, 1, 1}, []float32{0, 1, 2}))
	three := b.Constant(onnx.Float32Tensor("three", nil, []float32{3}))
	out1 := b.Node("Add", "out1", []string{b.Node("Mul", "twice", []string{x, two}), channel})
	out2 := b.Node("Relu", "out2", []string{b.Node("Sub", "less", []string{out1, three})})
	b.Node("Cast", "ids", []string{out2}, onnx.Attr("to", int(onnx.Int64)))
	mean := b.Node("GlobalAveragePool", "mean", []string{out2})
	size := b.Node("Shape", "size", []string{out2})
	b.Node("Gather", "images", []string{size, b.Constant(onnx.Int64Tensor("first", nil, []int64{0}))}) // a single number
	b.Node("Sqrt", "unseeing", []string{three})
	b.Output(b.Node("ReduceMean", "grand", []string{out2}, onnx.Attr("keepdims", 0)), onnx.Float32, onnx.Shape()) // stated to be one
	b.Output(b.Node("Flatten", "flat", []string{mean}), onnx.Float32, onnx.Shape(batch, 3))
	b.Metadata(card.Card{Network: "ramp", InputSize: [2]int{4, 5}, Mean: []float64{0}, Std: []float64{1.0 / 255}}.Encode())
	graph, err := b.Model()
	require.NoError(t, err)
	data, err := graph.Encode()
	require.NoError(t, err)
	m, err := NewModel("ramp", data)
	require.NoError(t, err)
	return m
}

func counting(n int) Array {
	a := Array{[]int{3, 4, 5}, make([]float32, n*60)}
	for i := range a.Data {
		a.Data[i] = float32(i % 97)
	}
	return a
}

func collect(t testing.TB, e *Engine, m *Model, layers []string, in Source) (map[string][]float32, map[string][]int, error) {
	data, shapes := map[string][]float32{}, map[string][]int{}
	next := 0
	err := e.Responses(context.Background(), m, layers, in, func(from int, out []Response) error {
		require.Equal(t, next, from)
		for _, r := range out {
			data[r.Layer] = append(data[r.Layer], r.Data...)
			shapes[r.Layer] = r.Shape
		}
		next += len(out[0].Data) / max(1, product(out[0].Shape))
		return nil
	})
	return data, shapes, err
}

func TestResponsesOfInnerLayers(t *testing.T) {
	e := testEngine(t, Config{MaxBatch: 4})
	m := ramp(t, "N")
	in := counting(11) // two full chunks and a rest
	data, shapes, err := collect(t, e, m, []string{"out2", "ids", "image", "flat", "out1"}, in)
	require.NoError(t, err)
	require.Equal(t, []int{3, 4, 5}, shapes["out1"])
	require.Equal(t, []int{3}, shapes["flat"])
	require.Equal(t, in.Data, data["image"], "the input itself can be asked for")
	for i, x := range in.Data {
		want := 2*x + float32(i/20%3)
		require.Equal(t, want, data["out1"][i])
		require.Equal(t, max(0, want-3), data["out2"][i])
		require.Equal(t, float32(int(max(0, want-3))), data["ids"][i], "integers come as float32")
	}
}

func TestFixedBatchIsFilledUp(t *testing.T) {
	e := testEngine(t, Config{})
	in := counting(5)
	fixed, _, err := collect(t, e, ramp(t, 2), []string{"out1", "flat"}, in)
	require.NoError(t, err)
	free, _, err := collect(t, e, ramp(t, "N"), []string{"out1", "flat"}, in)
	require.NoError(t, err)
	require.Equal(t, free, fixed)
}

func TestOnlyWhatIsAskedIsKept(t *testing.T) {
	m := ramp(t, "N")
	data, err := m.read()
	require.NoError(t, err)
	p, err := prepare(data, []string{"out1"})
	require.NoError(t, err)
	cut, err := onnx.Decode(p.data)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"Mul": 2, "Add": 1, "Cast": 1}, cut.OpCounts(), "and what makes it handable")
}

func TestNamesAreCheckedBeforeASessionIsMade(t *testing.T) {
	e := testEngine(t, Config{})
	_, _, err := collect(t, e, ramp(t, "N"), []string{"out3"}, counting(1))
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.ErrorContains(t, err, "out1")
	_, _, err = collect(t, e, ramp(t, "N"), []string{"two"}, counting(1))
	require.ErrorContains(t, err, "constant")
	_, _, err = collect(t, e, ramp(t, "N"), nil, counting(1))
	require.ErrorContains(t, err, "no layer")
	_, _, err = collect(t, e, ramp(t, "N"), []string{"out1"}, Array{[]int{3, 5, 4}, make([]float32, 60)})
	require.ErrorContains(t, err, "3×4×5")
	require.Zero(t, e.Stats().Sessions, "none of these leaves a session")
	for _, name := range []string{"size", "images", "grand"} {
		_, _, err = collect(t, e, ramp(t, "N"), []string{"out1", name}, counting(1))
		require.ErrorContains(t, err, "first axis")
		require.ErrorContains(t, err, name)
	}
	require.ErrorContains(t, ramp(t, "N").HasLayers([]string{"unseeing"}), "no layer")
}

func TestConcurrentCallersShareASession(t *testing.T) {
	e := testEngine(t, Config{})
	m := ramp(t, "N")
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 5 {
				in := counting(3)
				data, _, err := collect(t, e, m, []string{"out1"}, in)
				if err != nil || data["out1"][0] != 0 || data["out1"][59] != 2*59+2 {
					t.Errorf("wrong answer: %v", err)
				}
			}
		}()
	}
	wg.Wait()
	s := e.Stats()
	require.Equal(t, int64(1), s.Made)
	require.Equal(t, int64(79), s.Hits)
}

func TestSessionsAreFreedUnderTheLimit(t *testing.T) {
	e := testEngine(t, Config{MemoryLimit: 2*overhead + 1<<20})
	m := ramp(t, "N")
	for _, layers := range [][]string{{"out1"}, {"out2"}, {"flat"}, {"out1"}} {
		_, _, err := collect(t, e, m, layers, counting(1))
		require.NoError(t, err)
		require.LessOrEqual(t, e.Stats().Bytes, e.config.MemoryLimit)
	}
	require.Equal(t, int64(4), e.Stats().Made, "out1 was made again after it had to go")
	require.Equal(t, 2, e.Stats().Sessions)

	small := testEngine(t, Config{MemoryLimit: 1 << 20})
	_, _, err := collect(t, small, m, []string{"out1"}, counting(1))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

// slow is a network of many large convolutions, so that a run lasts long enough to be stopped.
func slow(t testing.TB, layers int) *Model {
	b := onnx.NewBuilder("slow", 17)
	x := b.Input("image", onnx.Float32, onnx.Shape("N", 16, 128, 128))
	for i := range layers {
		w := b.Constant(onnx.Float32Tensor(fmt.Sprint("w", i), []int64{16, 16, 7, 7}, make([]float32, 16*16*49)))
		x = b.Node("Conv", fmt.Sprint("conv", i), []string{x, w}, onnx.Attr("pads", 3, 3, 3, 3))
	}
	b.Output(x, onnx.Float32, onnx.Shape("N", 16, 128, 128))
	graph, err := b.Model()
	require.NoError(t, err)
	data, err := graph.Encode()
	require.NoError(t, err)
	m, err := NewModel("slow", data)
	require.NoError(t, err)
	return m
}

func TestContextEndsARunningInference(t *testing.T) {
	e := testEngine(t, Config{})
	m := slow(t, 100)
	in := Array{[]int{16, 128, 128}, make([]float32, 16*16*128*128)}
	ctx, cancel := context.WithCancel(context.Background())
	begun := make(chan struct{})
	go func() {
		<-begun
		time.Sleep(30 * time.Millisecond)
		cancel()
	}()
	_, err := e.LayerShapes(context.Background(), m, []string{"conv99"}, in.Sample)
	require.NoError(t, err)
	close(begun)
	err = e.Responses(ctx, m, []string{"conv99"}, in, func(int, []Response) error {
		return errors.New("the inference ran to its end")
	})
	require.ErrorIs(t, err, context.Canceled)

	_, _, err = collect(t, e, ramp(t, "N"), []string{"out1"}, counting(1))
	require.NoError(t, err, "the engine goes on")
	_, err = e.LayerShapes(ctx, m, []string{"conv0"}, in.Sample)
	require.ErrorIs(t, err, context.Canceled, "an ended context starts nothing")
}

func TestDeviceFailsClosed(t *testing.T) {
	missing := func(int) error { return errors.New("no\nCUDA provider") }
	there := func(int) error { return nil }
	d, err := resolveDevice("auto", missing)
	require.NoError(t, err)
	require.Equal(t, "cpu", d.Chosen)
	require.Equal(t, "no CUDA device: no CUDA provider", d.Reason)
	for _, asked := range []string{"cuda", "cuda:1"} {
		_, err = resolveDevice(asked, missing)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.ErrorContains(t, err, asked)
		d, err = resolveDevice(asked, there)
		require.NoError(t, err)
		require.True(t, d.strict)
		require.Equal(t, "cuda:"+strconv.Itoa(d.ordinal), d.Chosen)
	}
	d, err = resolveDevice("auto", there)
	require.NoError(t, err)
	require.Equal(t, "cuda:0", d.Chosen)
	d, err = resolveDevice("cpu", there)
	require.NoError(t, err)
	require.Equal(t, "cpu", d.Chosen)
	for _, asked := range []string{"gpu", "cuda:", "cuda:x", "CUDA", "cuda:1;2"} {
		_, err = resolveDevice(asked, there)
		require.Equal(t, fault.Misuse, fault.CodeOf(err), asked)
	}
}

// The library that `make setup` brings has no CUDA provider: asking for it must fail, not fall back.
func TestCUDAWithoutProviderIsAnError(t *testing.T) {
	testEngine(t, Config{})
	if tryCUDA(0) == nil {
		t.Skip("this machine has a CUDA device")
	}
	_, err := New(Config{Device: "cuda"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	e, err := New(Config{Device: "auto"})
	require.NoError(t, err)
	defer e.Close()
	require.Equal(t, "cpu", e.Device().Chosen)
	require.NotEmpty(t, e.Device().Reason)
	require.NotContains(t, e.Device().Reason, "\n")
}

func residentBytes(t testing.TB) int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc here")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// Making, running and freeing sessions again and again must not grow the process. A session of this
// network holds 20 MiB of weights: 30 of them leaked would be 600 MiB.
func TestNoMemoryLeak(t *testing.T) {
	b := onnx.NewBuilder("wide", 17)
	x := b.Input("image", onnx.Float32, onnx.Shape("N", 1, 32, 32))
	flat := b.Node("Flatten", "pixels", []string{x})
	w := b.Constant(onnx.Float32Tensor("w", []int64{1024, 5 << 10}, make([]float32, 5<<20)))
	b.Output(b.Node("MatMul", "out", []string{flat, w}), onnx.Float32, onnx.Shape("N", 5<<10))
	graph, err := b.Model()
	require.NoError(t, err)
	data, err := graph.Encode()
	require.NoError(t, err)
	m, err := NewModel("wide", data)
	require.NoError(t, err)
	e := testEngine(t, Config{MemoryLimit: 100 << 20})
	cycle := func() {
		_, _, err := collect(t, e, m, []string{"out"}, Array{[]int{1, 32, 32}, make([]float32, 1024)})
		require.NoError(t, err)
		for _, s := range e.cache.takeIdle(func() bool { return true }) {
			s.destroy()
		}
		require.Zero(t, e.Stats().Sessions)
	}
	for range 10 {
		cycle()
	}
	runtime.GC()
	before := residentBytes(t)
	for range 30 {
		cycle()
	}
	runtime.GC()
	grown := residentBytes(t) - before
	t.Logf("30 sessions of 20 MiB: the process grew by %d MiB", grown>>20)
	require.Less(t, grown, int64(300<<20))
}

func TestCloseWaitsForUsers(t *testing.T) {
	e := testEngine(t, Config{})
	m := ramp(t, "N")
	entered, leave, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		e.Responses(context.Background(), m, []string{"out1"}, counting(1), func(int, []Response) error { //nolint:errcheck
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	go func() { e.Close(); close(closed) }()
	select {
	case <-closed:
		t.Fatal("closed under a running caller")
	case <-time.After(20 * time.Millisecond):
	}
	close(leave)
	<-closed
	_, _, err := collect(t, e, m, []string{"out1"}, counting(1))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

func TestLayer(t *testing.T) {
	e := testEngine(t, Config{})
	l, err := e.Layer(context.Background(), ramp(t, "N"), "out1")
	require.NoError(t, err)
	h, w := l.InputSize()
	require.Equal(t, []int{4, 5}, []int{h, w})
	c, h, w := l.Units()
	require.Equal(t, []int{3, 4, 5}, []int{c, h, w})
	images := make([]uint8, 2*60)
	images[3*7+1] = 10 // green of pixel (1, 2) of the first image; mean 0, deviation 1/255: read as 10
	dst := make([]float32, 2*60)
	require.NoError(t, l.Responses(context.Background(), images, dst))
	require.InDelta(t, 2*10+1, dst[(1*4+1)*5+2], 1e-4)
	require.Equal(t, float32(1), dst[60+(1*4+1)*5+2])

	m := ramp(t, "N")
	m = m.WithCard(card.Card{InputSize: [2]int{4, 5}})
	_, err = e.Layer(context.Background(), m, "out1")
	require.ErrorContains(t, err, "--mean")
	m = m.WithCard(card.Card{InputSize: [2]int{8, 8}, Mean: []float64{0}, Std: []float64{1}})
	_, err = e.Layer(context.Background(), m, "out1")
	require.ErrorContains(t, err, "4×5")
}

func TestDescribeFindsShapes(t *testing.T) {
	e := testEngine(t, Config{})
	layers, err := e.Describe(context.Background(), ramp(t, "N"))
	require.NoError(t, err)
	shapes := map[string][]int{}
	for _, l := range layers {
		shapes[l.Name] = l.Shape
	}
	require.Equal(t, map[string][]int{"image": {3, 4, 5}, "twice": {3, 4, 5}, "out1": {3, 4, 5}, "less": {3, 4, 5}, "out2": {3, 4, 5},
		"ids": {3, 4, 5}, "mean": {3, 1, 1}, "size": nil, "images": nil, "grand": nil, "flat": {3}}, shapes)
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	data, err := ramp(t, "N").read()
	require.NoError(t, err)
	write := func(name string, data []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	write("ramp.onnx", data)
	write("broken.onnx", bytes.Repeat([]byte{0xff}, 100))
	write("empty.onnx", nil)
	write("notes.txt", []byte("x"))
	write("two words.onnx", data)
	f, err := NewFolder(dir)
	require.NoError(t, err)
	models, broken, err := f.List()
	require.NoError(t, err)
	require.Len(t, models, 1)
	require.Len(t, broken, 3)
	for _, b := range broken {
		require.NotContains(t, b.Error, dir, "paths of the machine stay inside")
		if b.Name == "two words" {
			require.Contains(t, b.Error, "rename the file")
		}
	}
	_, err = f.Get("rump")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.ErrorContains(t, err, "ramp")
	_, err = f.Get("broken")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	outside := filepath.Join(filepath.Dir(dir), "outside.onnx")
	require.NoError(t, os.WriteFile(outside, data, 0o600))
	for _, name := range []string{"../outside", "..%2foutside", "/etc/passwd", "..", "", ".hidden", "a/../ramp", "ramp\x00"} {
		_, err = f.Get(name)
		require.Equal(t, fault.NotFound, fault.CodeOf(err), "%q", name)
	}
	// A better file of the same name is seen without a restart.
	write("broken.onnx", data)
	m, err := f.Get("broken")
	require.NoError(t, err)
	require.Equal(t, "broken", m.Name)

	e := testEngine(t, Config{})
	write("broken.onnx", append(data, 0x42, 0)) // an unknown field: another digest
	_, _, err = collect(t, e, m, []string{"out1"}, counting(1))
	require.Equal(t, fault.Conflict, fault.CodeOf(err), "a file changed under a request")
}
