package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// maxFrame bounds one message in bytes, in either direction.
const maxFrame = 128 << 20

// readFrame reads one message: its length as four bytes, big-endian, then its body. io.EOF means that the input ended
// between two messages.
func readFrame(reader *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(reader, head[:1]); err != nil {
		return nil, io.EOF
	}
	if _, err := io.ReadFull(reader, head[1:]); err != nil {
		return nil, fmt.Errorf("the input ended inside a frame: %w", err)
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes is over the bound of %d: this is not our protocol", length, maxFrame)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(reader, body); err != nil {
		return nil, fmt.Errorf("the input ended inside a frame: %w", err)
	}
	return body, nil
}

func writeFrame(writer *bufio.Writer, body []byte) error {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(body)))
	if _, err := writer.Write(head[:]); err != nil {
		return err
	}
	if _, err := writer.Write(body); err != nil {
		return err
	}
	return writer.Flush()
}
