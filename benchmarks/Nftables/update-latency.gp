# gnuplot -e "csv='FILE'; svg='FILE'" benchmarks/Nftables/update-latency.gp: update latency against the number of services.
set terminal svg size 720,420 font 'sans-serif,13' background '#ffffff'
set output svg
set logscale xy
set xlabel 'services, 5 endpoints each'
set ylabel 'one endpoint replaced, µs'
set yrange [10:100000]
set grid
set key outside top center horizontal
plot csv using 1:2 with linespoints lw 2 pt 7 title 'svcproxy, p50', \
     csv using 1:3 with linespoints lw 2 pt 6 title 'svcproxy, p99', \
     csv using 1:4 with linespoints lw 2 pt 5 title 'nft -f'
