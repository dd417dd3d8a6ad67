package run

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"

	"striate/internal/fault"
)

// Row is one line of metrics.csv: means over the training images since the line before, or over the
// validation images.
type Row struct {
	Epoch      int     `json:"epoch"` // from 1
	Step       int     `json:"step"`  // steps of the optimizer so far
	Split      string  `json:"split"` // train or val
	Loss       float64 `json:"loss"`
	Top1       float64 `json:"top1"` // 0..1
	Top5       float64 `json:"top5"` // 0..1
	LR         float64 `json:"lr"`
	ImagesPerS float64 `json:"images_per_s"`
}

var header = []string{"epoch", "step", "split", "loss", "top1", "top5", "lr", "images_per_s"}

func (r Row) record() []string {
	number := func(v float64, digits int) string { return strconv.FormatFloat(v, 'g', digits, 64) }
	return []string{strconv.Itoa(r.Epoch), strconv.Itoa(r.Step), r.Split, number(r.Loss, 7), number(r.Top1, 6),
		number(r.Top5, 6), number(r.LR, 7), number(r.ImagesPerS, 5)}
}

// Metrics appends to metrics.csv.
type Metrics struct {
	file *os.File
	size int64
}

// OpenMetrics opens metrics.csv, cut to size bytes: those it had when the checkpoint was written that
// training goes on from. With 0 it begins anew.
func (f Folder) OpenMetrics(size int64) (*Metrics, error) {
	file, err := os.OpenFile(f.Metrics(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	m := &Metrics{file, size}
	if err := file.Truncate(size); err != nil {
		file.Close()
		return nil, fmt.Errorf("cut metrics: %w", err)
	}
	if _, err := file.Seek(size, io.SeekStart); err != nil {
		file.Close()
		return nil, fmt.Errorf("cut metrics: %w", err)
	}
	if size == 0 {
		err = m.write(header)
	}
	return m, err
}

// Size is the length of the file.
func (m *Metrics) Size() int64 { return m.size }

// Add appends a row.
func (m *Metrics) Add(r Row) error { return m.write(r.record()) }

func (m *Metrics) write(record []string) error {
	w := csv.NewWriter(m.file)
	if err := w.Write(record); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	if w.Flush(); w.Error() != nil {
		return fmt.Errorf("write metrics: %w", w.Error())
	}
	size, err := m.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	m.size = size
	return nil
}

// Close closes the file.
func (m *Metrics) Close() error { return m.file.Close() }

// Rows reads metrics.csv.
func (f Folder) Rows() ([]Row, error) {
	file, err := os.Open(f.Metrics())
	if err != nil {
		return nil, fault.NotFoundf("%s has no metrics.csv", f)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fault.Invalidf("%s: %v", f.Metrics(), err)
	}
	if len(records) == 0 {
		return nil, fault.Invalidf("%s is empty", f.Metrics())
	}
	rows := make([]Row, 0, len(records)-1)
	for line, record := range records[1:] {
		r := Row{Split: record[2]}
		_, err := fmt.Sscan(fmt.Sprint(record[0], " ", record[1], " ", record[3], " ", record[4], " ", record[5], " ", record[6], " ", record[7]),
			&r.Epoch, &r.Step, &r.Loss, &r.Top1, &r.Top5, &r.LR, &r.ImagesPerS)
		if err != nil {
			return nil, fault.Invalidf("%s, line %d: %v", f.Metrics(), line+2, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
