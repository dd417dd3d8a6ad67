package fault

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodesSurviveWrapping(t *testing.T) {
	err := fmt.Errorf("open the model: %w", NotFoundf("no model %q: %w", "x", fs.ErrNotExist))
	require.Equal(t, NotFound, CodeOf(err))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, `open the model: no model "x": file does not exist`, err.Error())
	require.Equal(t, TooLarge, CodeOf(TooLargef("too much: %w", err)), "the outermost code counts")
	require.Equal(t, Internal, CodeOf(fs.ErrNotExist))
}
