// Holds the read side of a memory channel to what it was asked for: the beats that come back are those of the sectors
// asked for, in their order, and no others. A broken rule is printed behind CHECK.
//
// Sectors of whole beats: beat by beat. Beats of two sectors: a beat may come once for each sector that is wanted of it, so
// of neighbours among the requests that lie in one beat there are as many as its beats, or up to twice as many.

`default_nettype none

module tb_read_check #(
    parameter DATA_W = 256,  // 64 to 512
    parameter ADDR_W = 40,
    parameter DEPTH  = 8192  // sectors and bursts that may be owed; a power of two
) (
    input wire              clk,
    input wire              forget,  // nothing is owed, and nothing of this cycle counts
    input wire              request,  // a sector is asked for
    input wire [ADDR_W-1:0] request_address,  // in memory
    input wire              burst,  // handshake of AR
    input wire [ADDR_W-1:0] burst_address,
    input wire [       7:0] burst_len,
    input wire              beat  // handshake of R
);

  localparam BYTES  = DATA_W / 8;
  localparam BEATS  = DATA_W > 256 ? 1 : 256 / DATA_W;  // of a sector
  localparam BEAT_A = $clog2(BYTES);  // address bits within a beat

  reg     [ADDR_W-1:0] asked[0:DEPTH-1];
  reg     [ADDR_W-1:0] first[0:DEPTH-1];
  reg     [       7:0] more[0:DEPTH-1];
  integer              asked_in;
  integer              asked_out;
  integer              bursts_in;
  integer              bursts_out;
  integer              number;  // of the beat in its burst
  integer              part;  // of the sector: the beat that comes next
  reg     [ADDR_W-1:0] at;
  reg     [ADDR_W-1:0] latest;  // address of the beats that came last
  integer              same;  // so many of them
  integer              wanted;  // requests in it

  function in_beat(input [ADDR_W-1:0] address, input [ADDR_W-1:0] of_beat);
    in_beat = address >> BEAT_A == of_beat >> BEAT_A;
  endfunction

  // Blocking: one thing after the other.
  always @(posedge clk) begin
    if (forget) begin
      asked_in   = 0;
      asked_out  = 0;
      bursts_in  = 0;
      bursts_out = 0;
      number     = 0;
      part       = 0;
      same       = 0;
    end else begin
      if (request) begin
        asked[asked_in%DEPTH] = request_address;
        asked_in = asked_in + 1;
      end
      if (burst) begin
        first[bursts_in%DEPTH] = burst_address;
        more[bursts_in%DEPTH] = burst_len;
        bursts_in = bursts_in + 1;
      end
      if (beat) begin
        at = first[bursts_out%DEPTH] + number * BYTES;
        number = number + 1;
        if (number > {24'd0, more[bursts_out%DEPTH]}) begin
          number = 0;
          bursts_out = bursts_out + 1;
        end
        if (DATA_W <= 256) begin
          if (asked_out == asked_in || at != asked[asked_out%DEPTH] + part * BYTES)
            $display("CHECK %m: a beat is read at %0h, which nobody asked for there", at);
          part = part + 1;
          if (part == BEATS) begin
            part = 0;
            asked_out = asked_out + 1;
          end
        end else begin
          // The requests for the beats that came last are all there.
          if (same != 0 && !in_beat(at, latest)) begin
            wanted = 0;
            while (asked_out != asked_in && in_beat(asked[asked_out%DEPTH], latest)) begin
              wanted = wanted + 1;
              asked_out = asked_out + 1;
            end
            if (same > wanted || 2 * same < wanted)
              $display("CHECK %m: %0d beats are read at %0h for %0d sectors", same, latest, wanted);
            same = 0;
          end
          if (asked_out == asked_in || !in_beat(asked[asked_out%DEPTH], at))
            $display("CHECK %m: a beat is read at %0h, which nobody asked for there", at);
          latest = at;
          same = same + 1;
        end
      end
    end
  end

endmodule

`default_nettype wire
