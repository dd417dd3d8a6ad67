// Command striate is a laboratory for the primary visual cortex: it trains V1-constrained
// networks, exports them to ONNX, serves any ONNX vision network and measures how well its units
// explain macaque V1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"striate/internal/fault"
)

// cli is the command line: one field a command.
type cli struct {
	Quiet bool `help:"No progress on stderr." short:"q"`

	Activations  activationsCmd  `cmd:"" help:"Write the responses of layers to images."`
	Serve        serveCmd        `cmd:"" help:"Serve the models over HTTP."`
	Export       exportCmd       `cmd:"" help:"Write a network as an ONNX file."`
	Inspect      inspectCmd      `cmd:"" help:"Say what is in a model: layers, receptive fields, parameters."`
	Doctor       doctorCmd       `cmd:"" help:"Find and explain ONNX Runtime, devices, models."`
	Stimuli      stimuliCmd      `cmd:"" help:"Render a stimulus set."`
	Properties   propertiesCmd   `cmd:"" help:"Measure V1 properties of recorded responses."`
	Similarity   similarityCmd   `cmd:"" help:"Compare properties with macaque V1."`
	Score        scoreCmd        `cmd:"" help:"Run the V1 battery on a layer of a network."`
	Tuning       tuningCmd       `cmd:"" help:"Measure tuning curves of units."`
	Bench        benchCmd        `cmd:"" help:"Reproduce the figures of the README."`
	Predictivity predictivityCmd `cmd:"" help:"Predict recorded neurons from the responses of a layer."`
	Corrupt      corruptCmd      `cmd:"" help:"Corrupt images as Tiny-ImageNet-C and ImageNet-C do."`
	Data         dataCmd         `cmd:"" help:"Fetch, import and export recordings."`
	Train        trainCmd        `cmd:"" help:"Train, fine-tune or validate a network."`
	Robustness   robustnessCmd   `cmd:"" help:"Measure accuracy on corrupted and attacked images, and what they do to units."`
	Version      versionCmd      `cmd:"" help:"Print the version."`
}

// globals is what every command gets besides its own flags.
type globals struct {
	Stdout, Stderr io.Writer
	Quiet          bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line. Exit status: 0 done, 1 failed, 2 misused.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exited, status := false, 0
	parser, err := kong.New(&c,
		kong.Name("striate"),
		kong.Description("A laboratory for the primary visual cortex."),
		kong.Writers(stdout, stderr),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(s int) { exited, status = true, s }),
	)
	if err != nil {
		panic(err) // a wrong struct tag: found by the first test
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited { // --help
		return status
	}
	if err != nil {
		fmt.Fprintf(stderr, "striate: %s (see 'striate --help')\n", oneLine(err))
		return 2
	}
	g := &globals{Stdout: stdout, Stderr: stderr, Quiet: c.Quiet}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(g)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "striate: interrupted")
		return 1
	case fault.CodeOf(err) == fault.Misuse:
		fmt.Fprintf(stderr, "striate: %s\n", oneLine(err))
		return 2
	default:
		fmt.Fprintf(stderr, "striate: %s\n", oneLine(err))
		return 1
	}
}

// oneLine keeps an error on one line, whatever a library put into it.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
